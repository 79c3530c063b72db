/**
 * The names of cnvms, for cnvms: a resolver on each node, at an address that is the same on all of them. Invariant: what
 * it answers follows from the last world; without a resolver here, cnvms ask whom the node asks, and know no names of ours.
 */
import type { Logger } from 'pino';
import { readFileIfAny } from '../base/atomic-file.js';
import { messageOf } from '../base/errors.js';
import { serveNames } from '../tools/dnsmasq.js';
import { GATEWAY } from './rules.js';
import { hostsFile, type OverlayCnvm } from './world.js';

export function createNames(directory: string, log: Logger) {
  let trouble: string | undefined;

  return {
    /** Afterwards these are answered. Never throws: packets find their way without names. */
    async serve(cnvms: readonly OverlayCnvm[]): Promise<void> {
      try {
        await serveNames({ directory, listen: GATEWAY }, hostsFile(cnvms));
        trouble = undefined;
      } catch (error) {
        const said = trouble;
        trouble = messageOf(error);
        if (said !== trouble) log.error({ error: trouble }, 'no names are served to cnvms');
      }
    },
    /** The text of a cnvm's resolv.conf. */
    async resolvConf(): Promise<string> {
      if (trouble === undefined) return `nameserver ${GATEWAY}\n`;
      return withoutLoopback((await readFileIfAny('/etc/resolv.conf')) ?? '');
    },
  };
}

/** A resolver on the node's loopback is not to be reached from a cnvm. */
function withoutLoopback(resolvConf: string): string {
  return resolvConf
    .split('\n')
    .filter((line) => !/^\s*nameserver\s+(127\.|::1)/.test(line))
    .join('\n');
}
