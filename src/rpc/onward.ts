/** Where a call goes that is about a cnvm of another node. */
import type { ChannelInterface } from '@grpc/grpc-js';

export interface Onward {
  /** The owner. */
  readonly peer: string;
  /** The connection to it, as it is now. */
  readonly channel: () => ChannelInterface;
}
