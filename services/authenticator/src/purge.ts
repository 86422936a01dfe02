import { deletedKey, deletedRows, ownerOf, purgeSession, serveRpc, type Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import {
  encode,
  errorInfo,
  hostApiSubjects,
  isEraseRequest,
  isId,
  isMap,
  tryDecode,
  type HostApiRefusal,
} from '@pizzapi/protocol';
import type { ErasureOutcome, Erasures } from './erasures.js';
import type { AuthenticatorMetrics } from './metrics.js';
import { QUEUE_GROUP } from './queueGroup.js';

export interface PurgeDeps {
  b: Backbone;
  /** A connection with the provisioner's login, the only one that may purge. */
  admin: Backbone;
  erasures: Pick<Erasures, 'request'>;
  metrics: AuthenticatorMetrics;
  log: Logger;
}

type PurgeOutcome = { kind: 'answer'; purged: number } | ErasureOutcome;

/**
 * Deletes the logs of sessions for gateways, until the returned function is called, and writes down that their blobs are
 * to be removed; erases sessions and accounts. Purging and erasing again is safe.
 */
export function servePurge({ b, admin, erasures, metrics, log }: PurgeDeps): () => void {
  const purge = async (sid: string): Promise<PurgeOutcome> => {
    const owner = await ownerOf(b, sid);
    const purged = await purgeSession(admin, sid);
    // Removing them may take longer than who asks waits, and outlive this process.
    if (owner !== undefined) await deletedRows(b).put(deletedKey(owner.userId, sid), { at: Date.now() });
    metrics.purges.inc();
    log.info({ sid, purged }, 'session log deleted');
    return { kind: 'answer', purged };
  };
  const answer = async (body: Uint8Array): Promise<PurgeOutcome> => {
    const request = tryDecode(body);
    if (request === undefined) return { kind: 'refused', ...errorInfo('bad_request') };
    try {
      if (isEraseRequest(request)) return await erasures.request(request.erase, { why: 'asked', ...request.asked });
      const sid = sidIn(request);
      return sid === undefined ? badRequest() : await purge(sid);
    } catch (err) {
      log.warn({ err, sid: sidIn(request) }, 'session log could not be deleted');
      return { kind: 'refused', ...errorInfo('unavailable') };
    }
  };
  return serveRpc(b, hostApiSubjects.purge, async (body) => encode(await answer(body)), { queue: QUEUE_GROUP });
}

const badRequest = (): HostApiRefusal => ({ kind: 'refused', ...errorInfo('bad_request') });

function sidIn(value: unknown): string | undefined {
  const sid = isMap(value) ? value['sid'] : undefined;
  return isId(sid) ? sid : undefined;
}
