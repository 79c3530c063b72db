/** A move as its users know it: an ssh session and a stream of numbers go along, and neither notices. */
import assert from 'node:assert/strict';
import { openNumberStream, startStreamServer } from '../../scripts/lib/number-stream.js';
import { openShell } from '../../scripts/lib/shell-session.js';
import { ADDRESS, type CnvmJson, create, lab, mustTeleport, NAME, whereIs } from './support.js';

/**
 * Made on the first of these nodes, it is taken from each to the next. @param observer the node that reads the stream. @param arrived
 * what else is looked at wherever it arrives. @returns the last number of the stream, which had every one before it.
 */
export async function ride(
  stops: readonly [string, ...string[]],
  observer: string,
  arrived: (node: string) => Promise<void> = async () => undefined,
): Promise<number> {
  const [home, ...rest] = stops;
  await create(home);
  await startStreamServer(lab, home, ADDRESS);
  const shell = await openShell(lab, home, ADDRESS);
  const stream = await openNumberStream(lab, observer, ADDRESS);
  await shell.type('cd /tmp; mine=$$-kept');
  const before = await shell.type('echo $mine $$ $PWD');
  let at = home;
  for (const next of rest) {
    await mustTeleport(at, `cnvm@${next}:/home/cnvm/sneakers`);
    at = next;
    assert.equal(await whereIs(), at);
    assert.equal(await shell.type('echo $mine $$ $PWD'), before);
    await stream.more(20);
    await arrived(at);
  }
  const { last, faults } = stream.state;
  assert.deepEqual(faults, []);
  assert.equal((await lab.json<CnvmJson>(at, 'cnvm', 'inspect', NAME)).epoch, stops.length);
  await stream.close();
  await shell.close();
  return last;
}
