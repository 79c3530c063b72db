/** Pressure stall information of the kernel, as it stands in /proc/pressure. */
import { readFile } from 'node:fs/promises';

/** The percentage of the last minute in which something waited for memory; undefined where the kernel does not say. */
export async function memoryPressure(file = '/proc/pressure/memory'): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const found = /^some .*\bavg60=([0-9.]+)/m.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
