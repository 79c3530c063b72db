/** What nodes agree on beside who is there and who owns what: names before they are used, and what is wrong. */
import type { Logger } from 'pino';
import type { Config } from '../base/config.js';
import type { Reserving, Wish } from '../cnvms/reserve-port.js';
import { createDiagnosing, type Diagnosing, type DiagnosingOptions, type DiagnosisLink } from './diagnosing.js';
import type { Mesh } from './mesh.js';
import type { MeshLink } from './mesh-port.js';
import { createReserving, type ReservationLink, type ReservationsOfNode } from './reserving.js';

/** What this room needs of a peer for them. */
interface AgreeingLink extends MeshLink {
  readonly reservations: ReservationLink;
  readonly diagnosis: DiagnosisLink;
}

export interface AgreementOptions {
  readonly config: Config;
  readonly mesh: Mesh<AgreeingLink>;
  /** What is here, or comes here. */
  readonly holdings: () => readonly Wish[];
  readonly log: Logger;
}

export interface Agreements {
  /** For peers. */
  readonly reservations: ReservationsOfNode;
  /** For cnvms that are made here. */
  readonly reserving: Reserving;
  /** @param here what this node says of itself. */
  diagnosing(here: Pick<DiagnosingOptions, 'describe' | 'doubts' | 'identity'>): Diagnosing;
}

export function createAgreements({ config, mesh, holdings, log }: AgreementOptions): Agreements {
  const { node, limits, overlay } = config;
  const { patience } = limits;
  const { peers, tellAll, list, peer } = mesh;
  const reservations = createReserving({ node, peers, holdings, tellAll, patience, log });
  return {
    reservations,
    reserving: { reserve: reservations.reserve, part: Number(overlay.address.split('.')[3]) },
    diagnosing: (here) => createDiagnosing({ node, list, peer, patience, ...here }),
  };
}
