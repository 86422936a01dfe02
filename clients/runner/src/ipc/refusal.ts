import { CodedError, type ErrorInfo } from '@pizzapi/protocol';

/** The error as it is: its message says already what to do next. */
export function refusal({ code, message }: ErrorInfo): CodedError {
  return Object.assign(new CodedError(code), { message });
}
