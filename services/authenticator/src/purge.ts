import { deletedKey, deletedRows, ownerOf, purgeSession, serveRpc, type Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import { decode, encode, errorInfo, hostApiSubjects, isId, isMap, type HostApiRefusal } from '@pizzapi/protocol';
import type { AuthenticatorMetrics } from './metrics.js';
import { QUEUE_GROUP } from './queueGroup.js';

export interface PurgeDeps {
  b: Backbone;
  /** A connection with the provisioner's login, the only one that may purge. */
  admin: Backbone;
  metrics: AuthenticatorMetrics;
  log: Logger;
}

/**
 * Deletes the logs of sessions for gateways, until the returned function is called, and writes down that their blobs are
 * to be removed. Purging again is safe.
 */
export function servePurge({ b, admin, metrics, log }: PurgeDeps): () => void {
  const purge = async (body: Uint8Array): Promise<{ kind: 'answer'; purged: number } | HostApiRefusal> => {
    const sid = sidIn(body);
    if (sid === undefined) return { kind: 'refused', ...errorInfo('bad_request') };
    try {
      const owner = await ownerOf(b, sid);
      const purged = await purgeSession(admin, sid);
      // Removing them may take longer than who asks waits, and outlive this process.
      if (owner !== undefined) await deletedRows(b).put(deletedKey(owner.userId, sid), { at: Date.now() });
      metrics.purges.inc();
      log.info({ sid, purged }, 'session log deleted');
      return { kind: 'answer', purged };
    } catch (err) {
      log.warn({ err, sid }, 'session log could not be deleted');
      return { kind: 'refused', ...errorInfo('unavailable') };
    }
  };
  return serveRpc(b, hostApiSubjects.purge, async (body) => encode(await purge(body)), { queue: QUEUE_GROUP });
}

function sidIn(body: Uint8Array): string | undefined {
  try {
    const value = decode(body);
    const sid = isMap(value) ? value['sid'] : undefined;
    return isId(sid) ? sid : undefined;
  } catch {
    return undefined;
  }
}
