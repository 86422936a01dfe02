import { ERRORS, type ErrorCode } from './errors.js';

/** What went wrong, in the one shape that crosses every boundary. */
export interface ErrorInfo {
  code: ErrorCode;
  /** One or two sentences: what happened, and what to do next. */
  message: string;
  /** The command that this error is about, when it may be carried out all the same. */
  commandId?: string;
  /** What a program needs to go on, such as both versions of a file. The document of the request says what is in it. */
  details?: unknown;
}

/** An error with one of our codes. Thrown only where a caller cannot be expected to handle the outcome as a value. */
export class CodedError extends Error {
  readonly code: ErrorCode;
  /** See `ErrorInfo`. */
  details?: unknown;

  constructor(code: ErrorCode, what?: string, options?: ErrorOptions) {
    super(describeError(code, what), options);
    this.name = 'CodedError';
    this.code = code;
  }
}

/** `what` (what happened here) followed by the table's advice. */
export function describeError(code: ErrorCode, what?: string): string {
  const { hint } = ERRORS[code];
  return what === undefined ? hint : `${what.replace(/[.\s]*$/, '')}. ${hint}`;
}

/** The `ErrorInfo` for a code, with what happened here. */
export function errorInfo(code: ErrorCode, what?: string): ErrorInfo {
  return { code, message: describeError(code, what) };
}

/** Any thrown thing as an `ErrorInfo`; what is not ours becomes `internal` and keeps its details to itself. */
export function toErrorInfo(thrown: unknown): ErrorInfo {
  if (!(thrown instanceof CodedError)) return errorInfo('internal');
  const { code, message, details } = thrown;
  return { code, message, ...(details === undefined ? {} : { details }) };
}
