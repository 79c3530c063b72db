/**
 * A node that is known by its address alone. Invariant: it is a node of this mesh, or nothing is sent to it; who it is its
 * certificate says.
 */
import { Metadata } from '@grpc/grpc-js';
import * as wire from '../gen/cnvm/peer/v1/peer.js';
import type { Message } from '../mesh/swim/words.js';
import { demandMessage, toMemberMessage } from './member-messages.js';
import { MESSAGE_BYTES_MAX } from './peer-channel.js';
import { PeerCredentials } from './peer-credentials.js';
import { callerOf } from './roles.js';
import { fromServiceError } from './status.js';
import type { Trust } from './trust.js';

/**
 * Asks the node that serves at an address, whatever its name. @returns its answer, with the name in its certificate.
 * @throws `refused` when it is no node of this mesh.
 */
export async function askSeed(
  endpoint: string,
  message: Message,
  trust: Trust,
  { timeoutMs, network }: { timeoutMs: number; network: string },
): Promise<{ from: string; message: Message }> {
  let from = '';
  const secure = new PeerCredentials(trust, (certificate) => {
    const found = callerOf(certificate.subjectaltname ?? '');
    if (found.role !== 'node') return new Error(`its certificate is that of ${found.role} ${found.name}, no node's`);
    from = found.name;
    return undefined;
  });
  const client = new wire.MembershipServiceClient(endpoint, secure, {
    // Whoever it is: TLS wants a name, and the certificate is looked at above.
    'grpc.ssl_target_name_override': 'any.cnvm',
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
  });
  try {
    const request = { message: toMemberMessage(message) };
    const answer = await new Promise<wire.ExchangeResponse>((resolve, reject) => {
      client.exchange(request, new Metadata(), { deadline: Date.now() + timeoutMs }, (error, response) => {
        if (error === null) resolve(response);
        else reject(fromServiceError(error, endpoint));
      });
    });
    return { from, message: demandMessage(answer, network, endpoint) };
  } finally {
    client.close();
  }
}
