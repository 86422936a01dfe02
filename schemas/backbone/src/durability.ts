import { isMap } from '@pizzapi/protocol';
import type { BackboneConnection } from './connection.js';

/** Where a server tells its settings; an account sees it only when the system account exports it. */
const SETTINGS = '$SYS.REQ.SERVER.PING.VARZ';
const ANSWER_MS = 1_000;

type Durability =
  | { kind: 'synced' }
  /** A write is acknowledged before it is on the disk: a power cut takes those of the last `syncMs`. */
  | { kind: 'unsynced'; syncMs: number }
  /** The server does not tell this account. */
  | { kind: 'unknown' };

/** Asks the server whether it acknowledges a write only once it is on the disk. Never rejects. */
async function durabilityOf({ nc }: BackboneConnection): Promise<Durability> {
  const answer = await nc.request(SETTINGS, '', { timeout: ANSWER_MS }).catch(() => undefined);
  if (answer === undefined) return { kind: 'unknown' };
  const settings: unknown = answer.json();
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
