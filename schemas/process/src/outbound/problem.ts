import { CodedError, describeError, type ErrorCode } from '@pizzapi/protocol';
import { proxyOf, shownProxy } from './proxies.js';
import { trustOf } from './trust.js';

/** Errors of a certificate that no trusted authority has signed. */
const UNTRUSTED = new Set([
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
/** Errors of a certificate that is not for this address or not for this time. */
const INVALID: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet: the clock of this machine may be wrong',
  CERT_REVOKED: 'was revoked',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another host name',
};
const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its host name cannot be resolved',
  EAI_AGAIN: 'its host name cannot be resolved now',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to its network',
  ETIMEDOUT: 'it did not answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'it did not answer in time',
  EPROTO: 'it does not speak TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
};
/** Causes that are looked through at most. */
const DEPTH = 6;

/** An error that a certificate has caused, or undefined. */
export function certificateProblem(url: string, thrown: unknown): { code: ErrorCode; what: string } | undefined {
  const code = codeOf(thrown);
  const host = hostOf(url);
  if (code === undefined) return undefined;
  if (UNTRUSTED.has(code)) {
    const trusted = trustOf()?.file;
    const file = trusted === undefined ? '' : `, also not by one of PIZZAPI_CA (${trusted})`;
    return {
      code: 'certificate_untrusted',
      what: `The certificate of ${host} is signed by no trusted authority${file} (${code})`,
    };
  }
  const wrong = INVALID[code];
  return wrong === undefined
    ? undefined
    : { code: 'certificate_invalid', what: `The certificate of ${host} ${wrong} (${code})` };
}

/** What has failed, and what to do: `message` says both, `what` the first alone. */
export interface ConnectProblem {
  code: ErrorCode;
  what: string;
  message: string;
}

/** Why a connection to an address failed. `fallback`: the code of an error that no certificate has caused. */
export function connectProblem(url: string, thrown: unknown, fallback: ErrorCode): ConnectProblem {
  const { code, what } = certificateProblem(url, thrown) ?? otherProblem(url, thrown, fallback);
  return { code, what, message: describeError(code, what) };
}

function otherProblem(url: string, thrown: unknown, fallback: ErrorCode): { code: ErrorCode; what: string } {
  const answered = /Unexpected server response: (\d{3})/.exec(messageOf(thrown))?.[1];
  const proxy = proxyOf(url);
  const way = proxy === undefined ? '' : ` through the proxy ${shownProxy(proxy)}`;
  if (answered === '404') return { code: 'nats_not_served', what: `${url} answered 404${way}` };
  const reason = answered === undefined ? reasonOf(thrown) : `the answer was ${answered}`;
  return { code: fallback, what: `${url} cannot be reached${way}: ${reason}` };
}

function reasonOf(thrown: unknown): string {
  const code = codeOf(thrown);
  const known = code === undefined ? undefined : REASONS[code];
  if (known !== undefined) return `${known} (${code})`;
  return messageOf(thrown).slice(0, 200) || (code ?? 'unknown reason');
}

/** The code of an error, or of the first of its causes that has one. */
function codeOf(thrown: unknown): string | undefined {
  let error: unknown = thrown;
  for (let depth = 0; depth < DEPTH && typeof error === 'object' && error !== null; depth++) {
    const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
    // Ours says what the cause means.
    if (typeof code === 'string' && !(error instanceof CodedError)) return code;
    error = cause ?? (Array.isArray(errors) ? (errors as unknown[])[0] : undefined);
  }
  return undefined;
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
