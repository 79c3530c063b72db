/** The self-check, as the log has it. */
import type { Logger } from 'pino';
import type { Finding } from './node-facts.js';

/** What is well is not told. */
export function logFindings(findings: readonly Finding[], log: Logger): void {
  for (const { level, subject, detail, remedy } of findings) {
    if (level === 'warning') log.warn({ subject, detail, remedy }, 'self-check');
    if (level === 'error') log.error({ subject, detail, remedy }, 'self-check');
  }
}
