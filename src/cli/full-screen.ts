/**
 * A terminal that is drawn on as a whole. Invariant: however the process ends, but by KILL, the terminal is as it was before:
 * its lines, its cursor, its keyboard.
 */
import type { ReadStream, WriteStream } from 'node:tty';

/** The other screen, without a cursor; and back. As xterm has them, and all since. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_TO_END_OF_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const CTRL_C = '\u0003';

export interface FullScreen {
  readonly size: () => { rows: number; columns: number };
  /** Draws the lines over what was there. */
  draw(lines: readonly string[]): void;
  /** Gives the terminal back; may be called twice. */
  leave(): void;
}

export interface ScreenListeners {
  /** Somebody wants to quit: q, Ctrl-C, or a signal. */
  readonly quit: () => void;
  /** It has another size now. */
  readonly resized: () => void;
}

/** Takes the terminal. */
export function openFullScreen(input: ReadStream, output: WriteStream, { quit, resized }: ScreenListeners): FullScreen {
  let open = true;
  const wasRaw = input.isRaw;
  const onKey = (key: Buffer) => {
    // Pressed at once, or pasted, several come together.
    if (/[qQ]/.test(key.toString()) || key.toString().includes(CTRL_C)) quit();
  };

  function leave(): void {
    if (!open) return;
    open = false;
    process.off('exit', leave);
    output.off('resize', resized);
    input.off('data', onKey);
    if (input.isTTY) input.setRawMode(wasRaw);
    input.pause();
    output.write(LEAVE);
  }

  process.on('exit', leave);
  output.on('resize', resized);
  if (input.isTTY) input.setRawMode(true);
  input.on('data', onKey);
  input.resume();
  output.write(ENTER);
  return {
    size: () => ({ rows: output.rows || 24, columns: output.columns || 80 }),
    draw(lines) {
      if (open)
        output.write(`${HOME}${lines.map((line) => `${line}${CLEAR_TO_END_OF_LINE}`).join('\r\n')}${CLEAR_BELOW}`);
    },
    leave,
  };
}
