/** What the self-check has found, in the log: what is well is not worth a line. */
import type { Logger } from 'pino';
import type { Finding } from './node-facts.js';

export function logFindings(findings: readonly Finding[], log: Logger): void {
  for (const { level, subject, detail, remedy } of findings) {
    if (level === 'warning') log.warn({ subject, detail, remedy }, 'self-check');
    if (level === 'error') log.error({ subject, detail, remedy }, 'self-check');
  }
}
