/** How a channel to a peer behaves; that of bulk carries more at once. */
import type { ChannelOptions } from '@grpc/grpc-js';

/** A link that is cut is noticed within the sum of the two. */
const KEEPALIVE_EVERY_MS = 10_000;
const KEEPALIVE_WAIT_MS = 5_000;
/** Half of it is in flight at the least, since room is told of when half is taken: 20 ms of a link of 6.7 Gbit/s. */
const BULK_WINDOW_BYTES = 32 * 1024 * 1024;
export const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;
/** A peer that is up again is to be found again soon. */
export const RECONNECT_MS_MIN = 200;
const RECONNECT_MS_MAX = 1_000;

/** @param patience multiplies how long a silent peer is waited for. */
export function channelOptions(
  peer: string,
  patience: number,
): { options: ChannelOptions; bulkOptions: ChannelOptions } {
  const options: ChannelOptions = {
    'grpc.ssl_target_name_override': peer,
    'grpc.keepalive_time_ms': KEEPALIVE_EVERY_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_WAIT_MS * patience,
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_MS_MIN,
    'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MAX,
    'grpc.enable_retries': 0,
    // No channel waits for the try to connect of another one.
    'grpc.use_local_subchannel_pool': 1,
  };
  return { options, bulkOptions: { ...options, 'grpc-node.flow_control_window': BULK_WINDOW_BYTES } };
}
