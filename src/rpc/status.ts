/**
 * Errors as gRPC statuses, and back. Invariant: one table; the whole error rides along in a trailer, so that what comes
 * out at the other end is what went in; a stack never leaves the node.
 */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { CnvmError, type ErrorCode, type ErrorFacts, type RefusalKind, refused } from '../base/errors.js';
import { ErrorDetail, ErrorCode as WireCode } from '../gen/cnvm/v1/error.js';

const TRAILER = 'cnvm-error-bin';

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
  return Object.assign(new Error(error.message), { code: statusOf(error), details: error.message, metadata });
}

/** @param who was called, for people: "node2 (172.30.5.12:7443)". */
export function fromServiceError(error: ServiceError, who: string): CnvmError {
  const [trailer] = error.metadata?.get(TRAILER) ?? [];
  const kind = kindOf(error.code);
  if (!(trailer instanceof Buffer)) {
    const words = kind === 'unavailable' ? `cannot reach ${who}: ${plain(error.details)}` : `${who}: ${error.details}`;
    return refused(kind, words, { cause: error });
  }
  const detail = ErrorDetail.decode(trailer);
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

/** grpc-js wraps the reason: "No connection established. Last error: Error: connect ECONNREFUSED ... Resolution note: ". */
function plain(details: string): string {
  return details.replace(/^.*Last error: (?:Error: )?/, '').replace(/\.? *Resolution note: *$/, '');
}

function kindOf(code: status): RefusalKind {
  if (code === status.DEADLINE_EXCEEDED) return 'unavailable';
  return (Object.keys(REFUSALS) as RefusalKind[]).find((kind) => REFUSALS[kind] === code) ?? 'state';
}

function detailOf(error: CnvmError): ErrorDetail {
  const { tool } = error;
  return {
    code: WIRE[error.code],
    reasons: error.reasons,
    location: error.location ?? '',
    remedy: error.remedy ?? '',
    tool:
      tool === undefined
        ? undefined
        : { argv: tool.argv, exitCode: tool.exitCode, lastLines: tool.lastLines, criuError: tool.criuError ?? '' },
  };
}

function toolOf({ tool }: ErrorDetail): Pick<ErrorFacts, 'tool'> {
  if (tool === undefined) return {};
  const { argv, exitCode, lastLines, criuError } = tool;
  return { tool: { argv, exitCode, lastLines, ...(criuError === '' ? {} : { criuError }) } };
}
