import { keyRows, serveRpc, type AuditWriter, type Backbone, type Nkey } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { admit, type Admission, type AdmissionDeps } from './admission.js';
import { FailedLoginLimiter } from './failedLoginLimiter.js';
import type { AuthenticatorMetrics } from './metrics.js';
import { admitted, readAuthRequest, refused, type AuthRequest } from './userJwt.js';
import { QUEUE_GROUP } from './queueGroup.js';

/** Where nats-server asks who may connect. */
const SUBJECT = '$SYS.REQ.USER.AUTH';
/** Between two notes that a key was used, in ms. */
const USED_EVERY_MS = 60_000;

export interface CalloutDeps extends AdmissionDeps {
  issuer: Nkey;
  audit: AuditWriter<'runner_claimed' | 'runner_refused'>;
  metrics: AuthenticatorMetrics;
  log: Logger;
}

/** Answers nats-server until the returned function is called. Of several authenticators one gets each question. */
export function serveCallout(deps: CalloutDeps): () => void {
  const failures = new FailedLoginLimiter();
  return serveRpc(deps.b, SUBJECT, async (body) => Buffer.from(await answer(deps, failures, body)), {
    queue: QUEUE_GROUP,
    account: 'state',
  });
}

/** The answer as a JWT; empty, which refuses too, for what is not a question of a server. */
async function answer(deps: CalloutDeps, failures: FailedLoginLimiter, body: Uint8Array): Promise<string> {
  const { issuer, metrics } = deps;
  const now = Date.now();
  const request = readAuthRequest(Buffer.from(body).toString(), now);
  if (request === undefined) {
    metrics.callouts.inc({ outcome: 'bad_request' });
    return '';
  }
  const took = metrics.calloutSeconds.startTimer();
  const admission = await decide(deps, failures, request, now);
  took();
  const outcome = admission.kind === 'admitted' ? 'admitted' : admission.reason;
  metrics.callouts.inc({ outcome });
  return admission.kind === 'admitted'
    ? admitted(issuer, request, admission.admittance, now)
    : refused(issuer, request, admission.reason, now);
}

type Decision = Extract<Admission, { kind: 'admitted' }> | { kind: 'refused'; reason: string };

async function decide(
  deps: CalloutDeps,
  failures: FailedLoginLimiter,
  request: AuthRequest,
  now: number,
): Promise<Decision> {
  const { audit, log } = deps;
  const { user, password, host, overWebSocket } = request;
  const ownAddress = overWebSocket ? undefined : host;
  const caller = failures.cachedRefusal(ownAddress, user, password, now);
  if (caller !== undefined) return { kind: 'refused', reason: caller };
  let admission: Admission;
  try {
    admission = await admit(deps, { user, password }, now);
  } catch (error) {
    log.error({ err: error, user: user.slice(0, 80) }, 'login decision failed');
    return { kind: 'refused', reason: error instanceof CodedError ? error.code : 'internal' };
  }
  const who = { login: user.slice(0, 80), ip: host };
  if (admission.kind === 'refused') {
    const { reason, userId } = admission;
    failures.note(ownAddress, user, password, reason, now);
    if (failures.shouldReport(user, reason, now)) {
      log.info({ ...who, reason }, 'host login refused');
      audit('runner_refused', { ...who, code: reason, userId });
    }
    return admission;
  }
  const { key, claimed, userId } = admission;
  if (claimed) audit('runner_claimed', { ...who, userId, keyId: key?.row.id });
  if (key !== undefined)
    void noteUse(deps.b, key, overWebSocket ? `${host} (gateway)` : host, now).catch((err: unknown) =>
      log.warn({ err }, 'last use of a key not recorded'),
    );
  return admission;
}

/** Records that a key was used, unless its row has changed meanwhile: a revoked key must not return. */
async function noteUse(
  b: Backbone,
  { hash, row, revision }: NonNullable<Extract<Admission, { kind: 'admitted' }>['key']>,
  host: string,
  now: number,
): Promise<void> {
  if (now - (row.lastUsedAt ?? 0) < USED_EVERY_MS) return;
  const ttlMs = row.expiresAt === undefined ? undefined : row.expiresAt - now;
  await keyRows(b).update(hash, { ...row, lastUsedAt: now, lastUsedFrom: host }, revision, { ttlMs });
}
