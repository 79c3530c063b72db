/** A peer that is followed, or that is of a version that tells nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { WatchServiceClient, WatchServiceService } from '../../../src/gen/cnvm/peer/v1/watch.js';
import { watchLink } from '../../../src/rpc/watch-link.js';
import { toNews } from '../../../src/rpc/watch-messages.js';
import type { News } from '../../../src/watch/own-feed.js';
import { watchedCnvm } from '../watch/samples.js';

const never = new AbortController().signal;
const news: News = { kind: 'cnvms', cnvms: [watchedCnvm('web')] };

describe('what happens on a peer', () => {
  let server: Server;
  let client: WatchServiceClient;
  let calls = 0;
  let cancelled: Promise<unknown> = Promise.resolve();

  async function serve(old: boolean): Promise<void> {
    server = new Server();
    calls = 0;
    if (!old)
      server.addService(WatchServiceService, {
        follow(call: Parameters<import('@grpc/grpc-js').handleServerStreamingCall<unknown, unknown>>[0]) {
          calls += 1;
          call.write(toNews(news));
          call.write({ news: undefined });
          call.write(toNews(news));
          cancelled = once(call, 'cancelled');
        },
      });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    client = new WatchServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
  }
  afterEach(() => {
    client.close();
    server.forceShutdown();
  });

  it('is heard, but for what a newer version adds; and the call ends with who follows', async () => {
    await serve(false);
    const heard: News[] = [];
    for await (const one of watchLink(() => client, 'node2').follow(never)) {
      heard.push(one);
      if (heard.length === 2) break;
    }
    assert.deepEqual(heard, [news, news]);
    await cancelled;
  });

  it('of an older version is nothing, which is no failure, and it is not asked again at once', async () => {
    await serve(true);
    let asked = 0;
    const link = watchLink(() => {
      asked += 1;
      return client;
    }, 'node2');
    for (let again = 0; again < 3; again += 1)
      for await (const _ of link.follow(never)) assert.fail('it said something');
    assert.equal(asked, 1);
  });

  it('that cannot be reached is a failure that says so', async () => {
    await serve(false);
    server.forceShutdown();
    const follow = async () => {
      for await (const _ of watchLink(() => client, 'node2').follow(never));
    };
    await assert.rejects(follow, /node2/);
    assert.equal(calls, 0);
  });
});
