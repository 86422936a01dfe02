import { isMap } from '@pizzapi/protocol';
import type { BackboneConnection } from './connection.js';
import { askAll } from './rpc.js';

/** Where a server tells its settings; an account sees it only when the system account exports it. */
const SETTINGS = '$SYS.REQ.SERVER.PING.VARZ';
const ANSWER_MS = 1_000;
/** After so long without another answer, in ms, all servers of a cluster have answered. */
const QUIET_MS = 300;

type Durability =
  | { kind: 'synced' }
  /** A write is acknowledged before it is on the disk: a power cut takes those of the last `syncMs`. */
  | { kind: 'unsynced'; syncMs: number }
  /** The server does not tell this account. */
  | { kind: 'unknown' };

/**
 * Asks all servers whether they acknowledge a write only once it is on the disk. The worst of the answers counts, because
 * any server of a cluster may lead a stream. Never rejects.
 */
async function durabilityOf(connection: BackboneConnection): Promise<Durability> {
  const found = (await settingsOfAll(connection)).map(durabilityIn);
  const unsynced = found.flatMap((each) => (each.kind === 'unsynced' ? [each] : []));
  const worst = unsynced.toSorted((a, c) => c.syncMs - a.syncMs)[0];
  return (
    worst ?? (found.some(({ kind }) => kind === 'unknown') ? { kind: 'unknown' } : (found[0] ?? { kind: 'unknown' }))
  );
}

/** Returns the answers of all servers. A single one has answered with its first. */
async function settingsOfAll(connection: BackboneConnection): Promise<Uint8Array[]> {
  if (connection.isClustered)
    return askAll(connection, SETTINGS, new Uint8Array(), { firstMs: ANSWER_MS, quietMs: QUIET_MS });
  const answer = await connection.nc.request(SETTINGS, '', { timeout: ANSWER_MS }).catch(() => undefined);
  return answer === undefined ? [] : [answer.data];
}

function durabilityIn(answer: Uint8Array): Durability {
  const settings: unknown = JSON.parse(Buffer.from(answer).toString());
  const data = isMap(settings) ? settings['data'] : undefined;
  const jetstream = isMap(data) ? data['jetstream'] : undefined;
  const config = isMap(jetstream) ? jetstream['config'] : undefined;
  if (!isMap(config)) return { kind: 'unknown' };
  if (config['sync_always'] === true) return { kind: 'synced' };
  return { kind: 'unsynced', syncMs: Number(config['sync_interval']) / 1e6 };
}

/** Says in the log when an acknowledged write could be lost in a power cut, or when that cannot be known. */
export async function reportDurability(connection: BackboneConnection): Promise<void> {
  const found = await durabilityOf(connection);
  if (found.kind === 'unsynced') {
    const what = 'an acknowledged write could be lost in a power cut: set `sync_interval: always` in nats-server';
    connection.log.warn({ syncMs: found.syncMs }, what);
  } else if (found.kind === 'unknown') {
    connection.log.info({ subject: SETTINGS }, 'the server does not report whether it syncs every write');
  }
}
