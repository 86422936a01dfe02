import { METRICS, type Metrics } from '@pizzapi/process';

/** What the authenticator counts. Names are in the table of @pizzapi/process. */
export function createAuthenticatorMetrics(metrics: Metrics) {
  return {
    /** `outcome`: admitted, or why not. */
    callouts: metrics.counter(METRICS.authCallouts, 'Logins of hosts, by outcome', ['outcome']),
    calloutSeconds: metrics.histogram(METRICS.authCalloutSeconds, 'Seconds to decide a login of a host'),
    grants: metrics.counter(METRICS.authGrants, 'Claims of sessions, by outcome', ['outcome']),
    questions: metrics.counter(METRICS.authQuestions, 'Host API requests, by verb and outcome', ['verb', 'outcome']),
    kicks: metrics.counter(METRICS.authKicks, 'Connections ended after a revocation'),
    blobsRemoved: metrics.counter(METRICS.authBlobsRemoved, 'Removed files, by reason', ['why']),
    purges: metrics.counter(METRICS.authPurges, 'Deleted session logs'),
    erasures: metrics.counter(METRICS.authErasures, 'Erased sessions and accounts, by reason', ['what', 'why']),
  };
}

export type AuthenticatorMetrics = ReturnType<typeof createAuthenticatorMetrics>;
