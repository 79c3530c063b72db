import assert from 'node:assert/strict';
import { join } from 'node:path';
import { credentials, Server, ServerCredentials, type StatusObject, status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { refused } from '../../../src/base/errors.js';
import {
  ServerReflectionClient,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from '../../../src/gen/grpc/reflection/v1/reflection.js';
import { bidi, type Handling, received } from '../../../src/rpc/handle.js';
import { reflectionCalls } from '../../../src/rpc/reflection.js';
import { LOCAL } from '../../../src/rpc/roles.js';
import { temporary } from '../../support/temporary.js';

const handling: Handling = { log: pino({ level: 'silent' }), caller: LOCAL };
const LIST: ServerReflectionRequest = { host: '', messageRequest: { $case: 'listServices', value: '' } };

describe('a call with a stream either way', () => {
  const directory = temporary();

  /** Serves one bidirectional call on a real socket, calls it, and gives its answers and its status. */
  async function talk(serve: ReturnType<typeof reflectionCalls>, requests: readonly ServerReflectionRequest[]) {
    const socket = `unix:${join(directory(), 'socket')}`;
    const server = new Server();
    server.addService(ServerReflectionService, serve);
    await new Promise((resolve) => server.bindAsync(socket, ServerCredentials.createInsecure(), resolve));
    const client = new ServerReflectionClient(socket, credentials.createInsecure());
    try {
      const call = client.serverReflectionInfo({ deadline: Date.now() + 2_000 });
      const answers: ServerReflectionResponse[] = [];
      call.on('data', (answer: ServerReflectionResponse) => answers.push(answer));
      call.on('error', () => undefined);
      for (const request of requests) call.write(request);
      call.end();
      const ended = await new Promise<StatusObject>((resolve) => call.on('status', resolve));
      return { answers, ended };
    } finally {
      client.close();
      server.forceShutdown();
    }
  }

  it('ends well when its caller has said everything', async () => {
    const { answers, ended } = await talk(reflectionCalls(handling, ['a.B']), [LIST, LIST]);
    assert.deepEqual([ended.code, answers.length], [status.OK, 2]);
  });

  it('answers after its caller has said everything', async () => {
    const late = bidi<ServerReflectionRequest, ServerReflectionResponse>(handling, async (call, send) => {
      let last = LIST;
      for await (const request of received(call)) last = request;
      await send({ validHost: '', originalRequest: last, messageResponse: undefined });
    });
    const { answers, ended } = await talk({ serverReflectionInfo: late }, [LIST]);
    assert.deepEqual([ended.code, answers.length], [status.OK, 1]);
  });

  it('ends with the status of what went wrong, and never with silence', async () => {
    const failing = bidi<ServerReflectionRequest, ServerReflectionResponse>(handling, async (call) => {
      await received(call).next();
      throw refused('state', 'not now');
    });
    const { ended } = await talk({ serverReflectionInfo: failing }, [LIST]);
    assert.deepEqual([ended.code, ended.details], [status.FAILED_PRECONDITION, 'not now']);
  });
});
