/** The daemon's log, on standard error: JSON, or readable lines where a person sits at a terminal. */
import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';
import { build } from 'pino-pretty';

export interface LogOptions {
  readonly level: string;
  readonly pretty: boolean;
}

/** @param fields on every line, for example the node's name. */
export function createLog({ level, pretty }: LogOptions, fields: Record<string, unknown>): Logger {
  const stream: DestinationStream = pretty
    ? build({ destination: 2, sync: true, ignore: 'pid,hostname,node' })
    : pino.destination({ dest: 2, sync: true });
  return pino(
    { level, base: fields, serializers: { error: serializeError }, timestamp: pino.stdTimeFunctions.isoTime },
    stream,
  );
}

function serializeError(error: unknown): unknown {
  return error instanceof Error ? stdSerializers.errWithCause(error) : error;
}
