/** What the commands' exit codes mean. Pure. */
import type { ErrorCode } from '../base/errors.js';

export const EXIT = {
  ok: 0,
  /** It was tried and did not work; the cnvm is where the error says. */
  failed: 1,
  /** Refused, or wrong usage: nothing changed. */
  refused: 2,
  /** It takes a person, or time: stranded or in doubt. */
  unsettled: 3,
  /** No daemon answers. */
  unreachable: 4,
  /** Called off by Ctrl-C, and rolled back. */
  interrupted: 130,
} as const;

export const EXIT_HELP = `Exit codes: 0 done; 1 tried and failed (rolled back; try again); 2 refused or wrong usage (nothing changed);
3 stranded or in doubt (the error says what to do); 4 no daemon answers; 130 called off with Ctrl-C and rolled back.`;

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  refused: EXIT.refused,
  aborted: EXIT.failed,
  tool: EXIT.failed,
  stranded: EXIT.unsettled,
  'in-doubt': EXIT.unsettled,
};

/** The exit code that an error stands for. @param answered whether a daemon answered at all. */
export function exitCodeOf(code: ErrorCode, answered: boolean): number {
  return answered ? BY_CODE[code] : EXIT.unreachable;
}
