/** A command to run in a cnvm, and the ends of its input and output. */
import type { Readable } from 'node:stream';

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

export interface ExecOrder {
  readonly name: string;
  readonly argv: readonly string[];
  /** A user name, or `uid` or `uid:gid`; root when empty. */
  readonly user: string;
  /** "/" when empty. */
  readonly cwd: string;
  /** KEY=value, added to the image's. */
  readonly env: readonly string[];
  /** Undefined: no terminal. */
  readonly tty: TerminalSize | undefined;
}

export interface ExecIo {
  readonly stdin: Readable;
  /** Resolves when more may come. */
  stdout(chunk: Uint8Array): Promise<void>;
  stderr(chunk: Uint8Array): Promise<void>;
  onResize(listener: (size: TerminalSize) => void): void;
  /** Fires when nobody listens any more. */
  readonly signal: AbortSignal;
}
