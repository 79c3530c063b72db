/**
 * The one error class. Its code is closed and says where the cnvm is and what may be done, so that whoever catches
 * it, here or on another node or at a keyboard, need not read its words.
 */

/**
 * - `refused`: nothing changed.
 * - `aborted`: the cnvm runs at the source as before; try again.
 * - `stranded`: ours, stopped, images kept.
 * - `in-doubt`: not known until the peer answers; start it nowhere.
 * - `tool`: a host program failed, and what that means for the cnvm is for the caller to say.
 */
export type ErrorCode = 'refused' | 'aborted' | 'stranded' | 'in-doubt' | 'tool';

/** Within `refused`, what kind of no it is; it picks the gRPC status and nothing else. */
export type RefusalKind = 'invalid' | 'not-found' | 'exists' | 'state' | 'forbidden' | 'unavailable' | 'cancelled';

/** How a host program failed. */
export interface ToolFailure {
  readonly argv: readonly string[];
  /** Undefined when a signal or a time limit ended it. */
  readonly exitCode: number | undefined;
  /** The last lines that it wrote, at most 20. */
  readonly lastLines: string;
  /** The first line with "Error" in criu's log. */
  readonly criuError?: string;
}

export interface ErrorFacts {
  /** Every reason, each a sentence for a person. */
  readonly reasons?: readonly string[];
  readonly kind?: RefusalKind;
  /** The node where the cnvm is now. */
  readonly location?: string;
  /** What to do next. */
  readonly remedy?: string;
  readonly tool?: ToolFailure;
  readonly cause?: unknown;
}

export class CnvmError extends Error {
  readonly code: ErrorCode;
  readonly reasons: readonly string[];
  readonly kind: RefusalKind;
  readonly location: string | undefined;
  readonly remedy: string | undefined;
  readonly tool: ToolFailure | undefined;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'CnvmError';
    this.code = code;
    this.reasons = facts.reasons ?? [message];
    this.kind = facts.kind ?? 'state';
    this.location = facts.location;
    this.remedy = facts.remedy;
    this.tool = facts.tool;
  }
}

/** A no before anything changed. */
export function refused(kind: RefusalKind, message: string, facts: Omit<ErrorFacts, 'kind'> = {}): CnvmError {
  return new CnvmError('refused', message, { ...facts, kind });
}

/** The words of whatever was thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether it is a system error with this code, for example `ENOENT`. */
export function hasErrno(error: unknown, errno: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === errno;
}
