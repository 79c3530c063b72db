/** How a failed command ends: words on standard error, JSON on standard output when asked for, and the exit code. */
import { CnvmError, messageOf } from '../base/errors.js';
import { Unreachable } from './connect.js';
import { EXIT, exitCodeOf } from './exit-codes.js';
import { jsonText } from './text.js';

/** @returns the exit code. */
export function reportError(error: unknown, command: string, json: boolean): number {
  const { message, code, reasons, location, remedy, tool } =
    error instanceof CnvmError ? error : new CnvmError('tool', messageOf(error));
  if (json) process.stdout.write(`${jsonText({ error: { code, message, reasons, location, remedy, tool } })}\n`);
  for (const reason of reasons.length > 0 ? reasons : [message]) process.stderr.write(`${command}: ${reason}\n`);
  if (tool?.criuError !== undefined) process.stderr.write(`  criu: ${tool.criuError}\n`);
  if (location !== undefined && !message.includes(location)) process.stderr.write(`  it is on: ${location}\n`);
  if (remedy !== undefined) process.stderr.write(`  ${remedy}\n`);
  if (!(error instanceof CnvmError)) return EXIT.failed;
  return exitCodeOf(code, !(error instanceof Unreachable));
}
