/**
 * What this node says to those who would come, beside what it has room for. Invariant: while it is cordoned nobody comes; of
 * those who come from a node that is being evacuated no more than its limit are on their way at once.
 */
import type { CnvmRecord } from '../cnvms/cnvm.js';
import { NO_WISHES } from '../cnvms/labels.js';
import { companyRefusals, type Resident } from '../mesh/placement.js';

/** A cnvm that is on its way here. */
export interface Coming {
  readonly from: string;
  readonly record: CnvmRecord;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

export interface DoorPorts {
  readonly node: string;
  /** Why nothing comes in, each a sentence; none while anything may. */
  readonly cordoned: () => readonly string[];
  /** What is here. */
  readonly records: () => readonly CnvmRecord[];
  /** So many come at once from nodes that are being evacuated. */
  readonly arrivalsMax: number;
}

export interface DoorAnswer {
  readonly refusals: readonly string[];
  /** It is no more than that: the same may come later. */
  readonly busy: boolean;
}

export type Door = ReturnType<typeof createDoor>;

export function createDoor({ node, cordoned, records, arrivalsMax }: DoorPorts) {
  const residents = (coming: readonly Coming[]): Resident[] => {
    const here = records();
    const names = new Set(here.map(({ name }) => name));
    const others = coming.map(({ record }) => record).filter(({ name }) => !names.has(name));
    return [...here, ...others].map(residentOf);
  };
  return {
    arrivalsMax,
    residents,
    /** @param evacuation it comes from a node that is being evacuated. */
    answer(record: CnvmRecord, evacuation: boolean, coming: readonly Coming[]): DoorAnswer {
      if (!evacuation) return { refusals: cordoned(), busy: false };
      const firm = [...cordoned(), ...companyRefusals(residentOf(record), node, residents(coming))];
      const full =
        coming.length < arrivalsMax
          ? []
          : [`${node} is busy: ${coming.length} are on their way there, of ${arrivalsMax} at once`];
      return { refusals: [...firm, ...full], busy: firm.length === 0 && full.length > 0 };
    },
  };
}

export const residentOf = ({ name, wishes = NO_WISHES }: CnvmRecord): Resident => ({ name, wishes });
