import { Objm } from '@nats-io/obj';
import { putObject } from './blobs.js';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { bucket } from './kv.js';
import { watchEntries } from './watchEntries.js';
import { decode } from '@pizzapi/protocol';
import { provisionStream } from './provisionStream.js';
import { infoOf } from './streamInfo.js';
import { BLOB_SPEC, BLOB_STORE, bucketSpec, bucketStream, STATE_BUCKETS } from './streams.js';

/**
 * The first version kept its buckets and blobs beside the logs. Moves what cannot be folded again from the logs to
 * where it belongs now, and removes the rest: whose a session is, and its blobs. Epochs go on rising: a host that wrote
 * under the last one of then is not taken for a later one. Doing it again changes nothing; before `provision`.
 */
export async function migrateStateAccount(b: Backbone): Promise<void> {
  const connection = internals(b);
  const { stateConnection } = connection;
  if (stateConnection === connection) return;
  const old = await infoOf(connection, bucketStream('owners'));
  if (old !== undefined) {
    if ((await infoOf(stateConnection, bucketStream('owners'))) === undefined) {
      await stateConnection.jsm.streams.add({ ...bucketSpec('owners'), first_seq: old.state.last_seq + 1 });
    }
    await moveBlobs(b, await moveOwners(b, connection));
  }
  for (const name of [BLOB_SPEC.name, ...STATE_BUCKETS.map(bucketStream)]) {
    if ((await infoOf(connection, name)) !== undefined) await connection.jsm.streams.delete(name);
  }
}

/** Copies the rows; whose they are. */
async function moveOwners(b: Backbone, from: BackboneConnection): Promise<Set<string>> {
  const owners = bucket<{ userId: string }>(b, 'owners');
  const userIds = new Set<string>();
  const stop = new AbortController();
  for await (const { key, message } of watchEntries(from, 'owners', '', stop.signal)) {
    if (key === undefined) break;
    if (message === undefined) continue;
    const row = decode(message.payload) as { userId: string };
    userIds.add(row.userId);
    await owners.create(key, row);
  }
  stop.abort();
  return userIds;
}

async function moveBlobs(b: Backbone, userIds: ReadonlySet<string>): Promise<void> {
  const { nc, stateConnection } = internals(b);
  if ((await infoOf(internals(b), BLOB_SPEC.name)) === undefined) return;
  await provisionStream(stateConnection, BLOB_SPEC);
  await provisionStream(stateConnection, bucketSpec('blob-owners'));
  const owners = bucket<{ at: number }>(b, 'blob-owners');
  const store = await new Objm(nc).open(BLOB_STORE, false);
  for (const { name, deleted } of await store.list()) {
    // A list has the headers of its entries in another form.
    const [bytes, info] = deleted ? [null] : await Promise.all([store.getBlob(name), store.info(name)]);
    if (bytes === null) continue;
    await putObject(b, name, bytes, info?.headers?.get('Content-Type') || 'application/octet-stream');
    for (const userId of userIds) await owners.create(`${name}.${userId}`, { at: Date.now() });
  }
}
