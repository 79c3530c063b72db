/**
 * Errors as gRPC statuses, and back. Invariant: one table; the whole error rides along in a trailer, so that what comes
 * out at the other end is what went in; a stack never leaves the node.
 */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { cutText } from '../base/cut-text.js';
import { CnvmError, type ErrorCode, type ErrorFacts, type RefusalKind, refused } from '../base/errors.js';
import { ErrorDetail, ErrorCode as WireCode } from '../gen/cnvm/v1/error.js';

const TRAILER = 'cnvm-error-bin';
/** An error travels in HTTP/2 headers, of which a caller takes 64 KiB; the encoding makes up to nine bytes of one letter. */
const MESSAGE_MAX = 1_000;
const REASONS_MAX = 10;
const REASON_MAX = 500;
const LINES_MAX = 2_000;

const REFUSALS: Readonly<Record<RefusalKind, status>> = {
  invalid: status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  exists: status.ALREADY_EXISTS,
  state: status.FAILED_PRECONDITION,
  forbidden: status.PERMISSION_DENIED,
  unavailable: status.UNAVAILABLE,
  cancelled: status.CANCELLED,
};

const STATUSES: Readonly<Record<Exclude<ErrorCode, 'refused'>, status>> = {
  aborted: status.ABORTED,
  // Ours but stopped: nothing is lost, and it takes a person to go on.
  stranded: status.FAILED_PRECONDITION,
  'in-doubt': status.UNKNOWN,
  tool: status.INTERNAL,
};

const WIRE: Readonly<Record<ErrorCode, WireCode>> = {
  refused: WireCode.REFUSED,
  aborted: WireCode.ABORTED,
  stranded: WireCode.STRANDED,
  'in-doubt': WireCode.IN_DOUBT,
  tool: WireCode.TOOL,
};

/**
 * A socket that broke under a call. grpc-js calls a reset and a timeout UNAVAILABLE, and every other way INTERNAL, which
 * would be the peer's own answer: no route any more, or an abort.
 */
const BROKEN_SOCKET = /triggered by internal client error: (?:read|write) E[A-Z]+$/;

/** The status of an error. */
export function statusOf(error: CnvmError): status {
  return error.code === 'refused' ? REFUSALS[error.kind] : STATUSES[error.code];
}

/** What grpc-js sends for an error. One that is not ours says only that there was one; the log has the rest. */
export function toServiceError(error: unknown): ServiceError {
  if (!(error instanceof CnvmError)) {
    const words = 'the daemon failed; its log says how';
    return Object.assign(new Error(words), { code: status.INTERNAL, details: words, metadata: new Metadata() });
  }
  const metadata = new Metadata();
  metadata.set(TRAILER, Buffer.from(ErrorDetail.encode(detailOf(error)).finish()));
  const words = cutText(error.message, MESSAGE_MAX);
  return Object.assign(new Error(words), { code: statusOf(error), details: words, metadata });
}

/** @param who was called, for people: "node2 (172.30.5.12:7443)". */
export function fromServiceError(error: ServiceError, who: string): CnvmError {
  const detail = detailIn(error);
  const kind = detail === undefined && BROKEN_SOCKET.test(error.details) ? 'unavailable' : kindOf(error.code);
  if (detail === undefined) {
    const words = kind === 'unavailable' ? `cannot reach ${who}: ${plain(error.details)}` : `${who}: ${error.details}`;
    return refused(kind, words, { cause: error });
  }
  const code = (Object.keys(WIRE) as ErrorCode[]).find((candidate) => WIRE[candidate] === detail.code) ?? 'refused';
  const facts: ErrorFacts = {
    kind,
    reasons: detail.reasons,
    ...(detail.location === '' ? {} : { location: detail.location }),
    ...(detail.remedy === '' ? {} : { remedy: detail.remedy }),
    ...toolOf(detail),
  };
  return new CnvmError(code, error.details, facts);
}

/** What a peer answers; undefined when its version has no such method. */
export async function unlessTooOld<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    const cause = error instanceof CnvmError ? (error.cause as Partial<ServiceError> | undefined) : undefined;
    if (cause?.code === status.UNIMPLEMENTED) return undefined;
    throw error;
  }
}

/** Undefined when it has none, or one that cannot be read: another program may have answered. */
function detailIn(error: ServiceError): ErrorDetail | undefined {
  const [trailer] = error.metadata?.get(TRAILER) ?? [];
  try {
    return trailer instanceof Buffer ? ErrorDetail.decode(trailer) : undefined;
  } catch {
    return undefined;
  }
}

/** grpc-js wraps the reason: "No connection established. Last error: Error: connect ECONNREFUSED ... Resolution note: ". */
function plain(details: string): string {
  return details.replace(/^.*(?:Last error|client error): (?:Error: )?/, '').replace(/\.? *Resolution note: *$/, '');
}

function kindOf(code: status): RefusalKind {
  if (code === status.DEADLINE_EXCEEDED) return 'unavailable';
  return (Object.keys(REFUSALS) as RefusalKind[]).find((kind) => REFUSALS[kind] === code) ?? 'state';
}

function detailOf(error: CnvmError): ErrorDetail {
  const { tool } = error;
  const cut = (text: string | undefined) => cutText(text ?? '', REASON_MAX);
  return {
    code: WIRE[error.code],
    reasons: error.reasons.slice(0, REASONS_MAX).map(cut),
    location: cut(error.location),
    remedy: cut(error.remedy),
    tool:
      tool === undefined
        ? undefined
        : {
            argv: tool.argv.slice(0, REASONS_MAX).map(cut),
            exitCode: tool.exitCode,
            lastLines: cutText(tool.lastLines, LINES_MAX),
            criuError: cut(tool.criuError),
          },
  };
}

function toolOf({ tool }: ErrorDetail): Pick<ErrorFacts, 'tool'> {
  if (tool === undefined) return {};
  const { argv, exitCode, lastLines, criuError } = tool;
  return { tool: { argv, exitCode, lastLines, ...(criuError === '' ? {} : { criuError }) } };
}
