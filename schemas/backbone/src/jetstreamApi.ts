/**
 * The subjects under which a connection reaches the API of JetStream. The streams are in accounts that only the
 * provisioner logs in to. Services and auditors are in accounts of their own, which import the calls that they need: the
 * server answers a call without a permission check on the reply subject, so a reply must end where no stream is.
 */
export const OWN_API = '$JS.API';
/** The imported API of the logs; the JetStream domain `pizzapi` for other clients (`nats --js-domain pizzapi`). */
export const LOG_API = '$JS.pizzapi.API';
/** The imported API of the state. */
export const STATE_API = '$JS.pizzapi-state.API';

export type ApiPrefix = typeof OWN_API | typeof LOG_API | typeof STATE_API;

/** The prefix of a connection to the logs or to the state. */
export function apiPrefixOf(
  { nkey, provisioner = false, imports = nkey !== undefined && !provisioner }: LoginKind,
  of: 'log' | 'state',
): ApiPrefix {
  if (!imports) return OWN_API;
  return of === 'log' ? LOG_API : STATE_API;
}

interface LoginKind {
  nkey?: string;
  provisioner?: boolean;
  imports?: boolean;
}
