import { CodedError } from '@pizzapi/protocol';

/**
 * `refused`: the issuer said no, or its answer is not valid. `unavailable`: the issuer did not answer. `why` is a short word for
 * the log and the audit log: it never holds a text of the issuer, of a token or of an address.
 */
export type IssuerFailure = { kind: 'refused'; why: string } | { kind: 'unavailable'; why: string };

/** Errors of the network, by the beginning of their code. */
const NETWORK = /^(E[A-Z_]+|UND_ERR_\w+|CERT_\w+|ERR_(TLS|SSL)_\w+|DEPTH_ZERO_\w+|SELF_SIGNED_\w+|UNABLE_TO_\w+)$/;
/** What an issuer calls an error by the specification. */
const OAUTH_ERROR = /^[a-z_]{1,40}$/;
const DEPTH = 6;

/**
 * Says what has failed at the issuer, in words that are safe to log. The errors of the library hold the answer of the issuer,
 * with its tokens: none of them may be logged as it is.
 */
export function issuerErrorText(error: unknown): IssuerFailure {
  if (error instanceof CodedError && error.code === 'issuer_unavailable') return unavailable('unavailable');
  for (const { name, code, status, error: oauth } of causesOf(error)) {
    if (name === 'TimeoutError' || name === 'AbortError') return unavailable('timeout');
    if (typeof status === 'number' && (status >= 500 || status === 429)) return unavailable(`status_${status}`);
    if (typeof oauth === 'string') return refused(OAUTH_ERROR.test(oauth) ? oauth : 'error');
    if (typeof code === 'string' && NETWORK.test(code)) return unavailable(code);
    if (code === 'certificate_untrusted' || code === 'certificate_invalid') return unavailable(code);
    if (code === 'OAUTH_RESPONSE_IS_NOT_CONFORM' || code === 'OAUTH_RESPONSE_IS_NOT_JSON')
      return unavailable('bad_answer');
    if (typeof code === 'string' && /^(OAUTH|ERR)_[A-Z_]+$/.test(code)) return refused(code.toLowerCase());
  }
  return unavailable('no_answer');
}

/**
 * What an issuer answers to a refresh token when the person or the session at the issuer is gone, or has to sign in anew. Every
 * other refusal is about the client, such as a secret that has changed, or about the answer, such as a clock that is off.
 */
const ABOUT_PERSON: ReadonlySet<string> = new Set([
  ...['invalid_grant', 'access_denied', 'login_required', 'interaction_required', 'consent_required'],
  'subject_changed',
]);

/** Whether the issuer has said that the sign-in of this person is over. */
export function isPersonRefused({ kind, why }: IssuerFailure): boolean {
  return kind === 'refused' && ABOUT_PERSON.has(why);
}

const refused = (why: string): IssuerFailure => ({ kind: 'refused', why });
const unavailable = (why: string): IssuerFailure => ({ kind: 'unavailable', why });

interface ErrorFields {
  name?: unknown;
  code?: unknown;
  status?: unknown;
  error?: unknown;
}

function* causesOf(error: unknown): Generator<ErrorFields> {
  let cause: unknown = error;
  for (let depth = 0; depth < DEPTH && typeof cause === 'object' && cause !== null; depth++) {
    yield cause;
    cause = 'cause' in cause ? cause.cause : undefined;
  }
}
