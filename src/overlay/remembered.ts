/** What was last known of the peers, over restarts of the daemon. Losing it costs a moment, so a bad file is as none. */
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../base/atomic-file.js';
import { type Memory, toMemory, type World, withMemory } from './world.js';

const schema = z.record(
  z.string(),
  z.object({
    card: z.object({ key: z.string(), nextKey: z.string(), port: z.number(), mtu: z.number() }),
    cnvms: z.array(z.object({ name: z.string(), address: z.ipv4() })),
  }),
);

export function openRemembered(file: string) {
  let memory = read(file);
  return {
    /** The world, with what is remembered of peers that were not heard yet. */
    complete: (world: World): World => withMemory(world, memory),
    async keep(world: World): Promise<void> {
      const next = toMemory(world);
      if (JSON.stringify(next) === JSON.stringify(memory)) return;
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      await writeFileAtomic(file, JSON.stringify(next));
      memory = next;
    },
  };
}

function read(file: string): Memory {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return {};
  }
}
