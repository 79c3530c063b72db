/**
 * The benchmark's part "overlay": one TCP stream between two nodes over their tunnel and over the bare link, in turn.
 * Invariant: it ends with its lab down, whatever happens.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lab, openLab } from '../lab.js';
import { ratioOfMedians, spreadOf } from './statistics.js';

export interface OverlayResult {
  /** Who moves the packets: "kernel" or "wireguard-go". */
  readonly wireguard: string;
  /** Megabits a second, one figure a round. */
  readonly link: readonly number[];
  readonly overlay: readonly number[];
  readonly ratios: { readonly overlayVsLink: number };
}

/** When it was not measured. */
export const NO_OVERLAY_RATIOS = { overlayVsLink: null };

const OVERLAY_ADDRESS = '10.100.0.2';
/** Long enough for a window to open. */
const STREAM_SECONDS = 3;
const SERVER_WAIT_MS = 10_000;

/** @param name of a lab of its own, which is down afterwards. @throws when a stream does not flow. */
export async function measureOverlay(
  name: string,
  rounds: number,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<OverlayResult> {
  const lab = openLab(name, true);
  await lab.down();
  try {
    signal.throwIfAborted();
    await lab.up(2);
    const { stdout } = await lab.run('node1', ['cat', '/sys/class/net/wgcnvm/uevent']);
    const wireguard = stdout.includes('DEVTYPE=wireguard') ? 'kernel' : 'wireguard-go';
    const address = (await lab.must('node2', ['hostname', '--ip-address'])).trim().split(' ')[0] ?? '';
    await startServer(lab);
    const [link, overlay]: [number[], number[]] = [[], []];
    // The first of each makes a session and warms caches, and is not counted.
    for (let round = 0; round <= rounds; round += 1) {
      signal.throwIfAborted();
      const [bare, inside] = [await streamTo(lab, address), await streamTo(lab, OVERLAY_ADDRESS)];
      say(`overlay, round ${round}: link ${bare.toFixed(0)}, overlay ${inside.toFixed(0)} Mbit/s`);
      if (round > 0) link.push(bare) && overlay.push(inside);
    }
    return { wireguard, link, overlay, ratios: { overlayVsLink: ratioOfMedians(overlay, link) } };
  } finally {
    await lab.down();
  }
}

async function startServer(lab: Lab): Promise<void> {
  await lab.must('node2', ['iperf3', '--server', '--daemon']);
  for (let waited = 0; waited < SERVER_WAIT_MS; waited += 100) {
    if ((await lab.run('node1', ['ping', '-c', '1', '-W', '1', OVERLAY_ADDRESS])).code === 0) return;
    await sleep(100);
  }
  throw new Error('the tunnel does not come up');
}

/** Megabits that arrive in a second. */
async function streamTo(lab: Lab, address: string): Promise<number> {
  const options = ['--client', address, '--time', String(STREAM_SECONDS), '--json'];
  const { end } = JSON.parse(await lab.must('node1', ['iperf3', ...options])) as {
    end: { sum_received: { bits_per_second: number } };
  };
  return end.sum_received.bits_per_second / 1e6;
}

/** Lines for people, each ended. */
export function overlayTable({ wireguard, link, overlay }: OverlayResult): string {
  const row = (name: string, cells: readonly string[]) =>
    `${name.padEnd(32)}${cells.map((cell) => cell.padStart(9)).join('')}\n`;
  const line = (name: string, rates: readonly number[]) => {
    const { median, min, max } = spreadOf(rates);
    return row(
      name,
      [median, min, max].map((rate) => rate.toFixed(0)),
    );
  };
  return [
    row('between two nodes, Mbit/s', ['median', 'min', 'max']),
    line('bare link', link),
    line(`overlay (${wireguard})`, overlay),
  ].join('');
}
