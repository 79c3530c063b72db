/** How far images are on their way, as one line that is drawn anew: on a terminal alone, and never beside JSON. */
import { barText } from './progress.js';
import { bytesText } from './text.js';

interface Progress {
  readonly step: string;
  readonly bytesDone: bigint;
  readonly bytesTotal: bigint;
}

const DEFAULT_WIDTH = 80;
const CLEAR_LINE = '\r\x1b[K';

/** One line, never wider than the terminal. @param node empty when there is but one. */
export function barLine(all: ReadonlyMap<string, Progress>, width: number): string {
  const parts = [...all].map(([node, { step, bytesDone, bytesTotal }]) => {
    const [done, total] = [Number(bytesDone), Number(bytesTotal)];
    const who = node === '' ? '' : `${node}: `;
    if (total === 0) return `${who}${step}`;
    const fraction = Math.min(1, done / total);
    const bar = all.size === 1 ? ` ${barText(fraction)}` : '';
    return `${who}${step}${bar} ${Math.round(fraction * 100)}% of ${bytesText(total)}`;
  });
  return `[>] ${parts.join(', ')}`.slice(0, Math.max(0, width - 1));
}

export function createBars(json: boolean) {
  const all = new Map<string, Progress>();
  const shown = process.stderr.isTTY && !json;
  let drawn = false;
  return {
    show(node: string, progress: Progress): void {
      all.set(node, progress);
      if (!shown) return;
      drawn = true;
      process.stderr.write(`${CLEAR_LINE}${barLine(all, process.stderr.columns ?? DEFAULT_WIDTH)}`);
    },
    clear(): void {
      if (drawn) process.stderr.write(CLEAR_LINE);
      drawn = false;
    },
  };
}
