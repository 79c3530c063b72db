/** How a failed command ends: words on standard error, JSON on standard output when asked for, and the exit code. */
import { CnvmError, messageOf, refused } from '../base/errors.js';
import { Unreachable } from './connect.js';
import { EXIT, exitCodeOf } from './exit-codes.js';
import { jsonText } from './text.js';

/** @returns the exit code. */
export function reportError(error: unknown, command: string, json: boolean): number {
  const known = error instanceof CnvmError ? error : new CnvmError('tool', messageOf(error));
  const { message, code, reasons, location, remedy, tool } = known;
  if (json) writeJson(known);
  for (const reason of reasons.length > 0 ? reasons : [message]) process.stderr.write(`${command}: ${reason}\n`);
  if (tool?.criuError !== undefined) process.stderr.write(`  criu: ${tool.criuError}\n`);
  if (location !== undefined && !message.includes(location)) process.stderr.write(`  it is on: ${location}\n`);
  if (remedy !== undefined) process.stderr.write(`  ${remedy}\n`);
  if (!(error instanceof CnvmError)) return EXIT.failed;
  return exitCodeOf(code, !(error instanceof Unreachable));
}

/** The same for wrong usage, of which people have been told. @param message as they were told it. */
export function reportUsage(message: string, json: boolean): number {
  if (json) writeJson(refused('invalid', message.replace(/^error: /, '')));
  return EXIT.refused;
}

function writeJson({ message, code, reasons, location, remedy, tool }: CnvmError): void {
  process.stdout.write(`${jsonText({ error: { code, message, reasons, location, remedy, tool } })}\n`);
}
