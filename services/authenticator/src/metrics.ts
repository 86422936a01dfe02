import { METRICS, type Metrics } from '@pizzapi/process';

/** What the authenticator counts. Names are in the table of @pizzapi/process. */
export function createAuthenticatorMetrics(metrics: Metrics) {
  return {
    /** `outcome`: admitted, or why not. */
    callouts: metrics.counter(METRICS.authCallouts, 'Hosts that wanted to connect, by what became of it', ['outcome']),
    calloutSeconds: metrics.histogram(METRICS.authCalloutSeconds, 'Seconds to decide whether a host is let in'),
    grants: metrics.counter(METRICS.authGrants, 'Claims of sessions, by what became of them', ['outcome']),
    questions: metrics.counter(METRICS.authQuestions, 'Questions of hosts, by what was asked and answered', [
      'verb',
      'outcome',
    ]),
    kicks: metrics.counter(METRICS.authKicks, 'Connections ended because what let them in was revoked'),
    blobsRemoved: metrics.counter(METRICS.authBlobsRemoved, 'Files that were removed, by why', ['why']),
    purges: metrics.counter(METRICS.authPurges, 'Logs of sessions deleted for good'),
  };
}

export type AuthenticatorMetrics = ReturnType<typeof createAuthenticatorMetrics>;
