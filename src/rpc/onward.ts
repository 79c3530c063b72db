/** Where a call goes that is about a cnvm of another node, or about that node. */
import type { ChannelInterface } from '@grpc/grpc-js';
import { CnvmError } from '../base/errors.js';
import type { PeerClient } from './peer-client.js';

export interface Onward {
  /** The owner. */
  readonly peer: string;
  /** The connection to it, as it is now. */
  readonly channel: () => ChannelInterface;
}

export interface OnwardPorts {
  /** Whether this node is the one to judge. */
  readonly isHere: (cnvm: string) => boolean;
  readonly ownerOf: (cnvm: string) => string | undefined;
  readonly peer: (name: string) => { readonly name: string; readonly link: Pick<PeerClient, 'channel'> } | undefined;
}

/** @returns what says where a call about a cnvm goes; undefined when it stays here, or nobody knows where to. */
export function onwardBy({ isHere, ownerOf, peer }: OnwardPorts): (cnvm: string) => Onward | undefined {
  return (cnvm) => {
    const owner = isHere(cnvm) ? undefined : ownerOf(cnvm);
    const found = owner === undefined ? undefined : peer(owner);
    return found === undefined ? undefined : { peer: found.name, channel: found.link.channel };
  };
}

/** @param find throws `refused`, of the kind "invalid" when this node is meant. @returns what says where a call goes about a node. */
export function onwardToNode(
  find: (node: string) => { readonly name: string; readonly link: Pick<PeerClient, 'channel'> },
): (node: string) => Onward | undefined {
  return (node) => {
    try {
      const { name, link } = find(node);
      return { peer: name, channel: link.channel };
    } catch (error) {
      if (error instanceof CnvmError && error.kind === 'invalid') return undefined;
      throw error;
    }
  };
}
