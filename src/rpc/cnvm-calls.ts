/** `cnvm.v1.CnvmService` over what the cnvms' room offers. */
import { PassThrough } from 'node:stream';
import { refused } from '../base/errors.js';
import type { CnvmView, NewCnvm } from '../cnvms/cnvm.js';
import type { ExecIo, ExecOrder, TerminalSize } from '../cnvms/exec-order.js';
import {
  type CnvmServiceServer,
  CnvmServiceService,
  type ExecCnvmRequest,
  type ExecCnvmResponse,
  type ExecStart,
} from '../gen/cnvm/v1/cnvm.js';
import { duplexAt, streamAt, unaryAt } from './forward.js';
import { type CallContext, type Handling, type Send, unary } from './handle.js';
import { fromCreate, required, toCnvm } from './messages.js';

export interface CnvmsPort {
  create(order: NewCnvm): Promise<CnvmView>;
  start(name: string, force: boolean): Promise<CnvmView>;
  stop(name: string, graceMs?: number): Promise<CnvmView>;
  remove(name: string, force: boolean): Promise<void>;
  list(all: boolean): Promise<CnvmView[]>;
  get(name: string): Promise<CnvmView>;
  exec(order: ExecOrder, io: ExecIo): Promise<number>;
  logs(name: string, tailLines: number, follow: boolean, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

const SERVICE = CnvmServiceService;
const nameOf = ({ name }: { readonly name: string }): string => name;
const nameInStart = ({ input }: ExecCnvmRequest): string => (input?.$case === 'start' ? input.value.name : '');

export function cnvmCalls(handling: Handling, cnvms: CnvmsPort): CnvmServiceServer {
  return {
    createCnvm: unary(handling, async (request) => ({ cnvm: toCnvm(await cnvms.create(fromCreate(request))) })),
    startCnvm: unaryAt(handling, SERVICE.startCnvm, nameOf, async ({ name, force }) => ({
      cnvm: toCnvm(await cnvms.start(required(name, 'name'), force)),
    })),
    stopCnvm: unaryAt(handling, SERVICE.stopCnvm, nameOf, async ({ name, graceMs }) => ({
      cnvm: toCnvm(await cnvms.stop(required(name, 'name'), graceMs)),
    })),
    removeCnvm: unaryAt(handling, SERVICE.removeCnvm, nameOf, async ({ name, force }) => {
      await cnvms.remove(required(name, 'name'), force);
      return {};
    }),
    listCnvms: unary(handling, async ({ all }) => ({ cnvms: (await cnvms.list(all)).map(toCnvm) })),
    getCnvm: unaryAt(handling, SERVICE.getCnvm, nameOf, async ({ name }) => ({
      cnvm: toCnvm(await cnvms.get(required(name, 'name'))),
    })),
    execCnvm: duplexAt(handling, SERVICE.execCnvm, nameInStart, (first, more, send, context) =>
      exec(cnvms, first, more, send, context),
    ),
    readLogs: streamAt(handling, SERVICE.readLogs, nameOf, async ({ name, tailLines, follow }, send, { signal }) => {
      for await (const chunk of cnvms.logs(required(name, 'name'), tailLines, follow, signal)) {
        await send({ chunk });
      }
    }),
  };
}

async function exec(
  cnvms: CnvmsPort,
  first: ExecCnvmRequest,
  requests: AsyncIterator<ExecCnvmRequest, undefined>,
  send: Send<ExecCnvmResponse>,
  { signal }: CallContext,
): Promise<void> {
  const stdin = new PassThrough();
  if (first.input?.$case !== 'start') throw refused('invalid', 'the first message must be "start"');
  let resize: (size: TerminalSize) => void = () => undefined;
  const io: ExecIo = {
    stdin,
    stdout: (chunk) => send({ output: { $case: 'stdout', value: chunk } }),
    stderr: (chunk) => send({ output: { $case: 'stderr', value: chunk } }),
    onResize: (listener) => {
      resize = listener;
    },
    signal,
  };
  void feed(requests, stdin, (size) => resize(size));
  const code = await cnvms.exec(orderOf(first.input.value), io);
  await send({ output: { $case: 'exitCode', value: code } });
}

async function feed(
  requests: AsyncIterator<ExecCnvmRequest, undefined>,
  stdin: PassThrough,
  resize: (size: TerminalSize) => void,
): Promise<void> {
  try {
    for (;;) {
      const next = await requests.next();
      if (next.done) break;
      const { input } = next.value;
      if (input?.$case === 'resize') resize(input.value);
      if (input?.$case === 'stdinEnd') stdin.end();
      if (input?.$case === 'stdin' && !stdin.write(input.value))
        await new Promise((resolve) => stdin.once('drain', resolve));
    }
  } catch {
    // The caller has gone; the signal ends the command.
  }
  stdin.end();
}

function orderOf(start: ExecStart): ExecOrder {
  if (start.argv.length === 0) throw refused('invalid', 'the field "argv" is missing');
  const { rows, columns } = start;
  return {
    name: required(start.name, 'name'),
    argv: start.argv,
    user: start.user,
    cwd: start.cwd,
    env: start.env,
    tty: start.tty ? { rows: rows || 24, columns: columns || 80 } : undefined,
  };
}
