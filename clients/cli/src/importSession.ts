import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BlobStore,
  claimSession,
  connectBackbone,
  forgetOwner,
  holdLease,
  openWriter,
  purgeSession,
  removeBlobs,
  storageFull,
  verifyProvisioned,
  type Backbone,
  type BlobPlace,
  type SessionWriter,
} from '@pizzapi/backbone';
import { errorInfo, externalize, newId, placeBlobs, type PlacedBlob, type SessionEvent } from '@pizzapi/protocol';
import { PI_VERSION, readPiSessionFile } from '@pizzapi/runner';
import type { NatsAccess } from '@pizzapi/process';
import { Failure } from './io.js';

/** The runner id of imported sessions. No runner has it. */
export const IMPORT_RUNNER = 'import';

/** How long the backbone may take to connect, in ms. */
const CONNECT_MS = 3_000;

export interface Imported {
  sessionId: string;
  name: string;
  events: number;
  messages: number;
}

/**
 * Creates a session from a pi session file. Reads and checks the whole file before writing. When writing fails, deletes
 * what was written, so that the session exists completely or not at all.
 */
export async function importSession(
  file: string,
  access: NatsAccess,
  userId: string,
  progress: (done: number, of: number) => void,
): Promise<Imported> {
  // First without an epoch: the backbone is used only when the file is known to be good.
  read(file, userId, 0);
  const backbone = await connect(access);
  try {
    await verifyProvisioned(backbone);
    const sessionId = newId();
    const claim = await claimSession(backbone, { sid: sessionId, userId, runnerId: IMPORT_RUNNER });
    if (claim.kind === 'refused') throw new Failure(errorInfo('already_exists', `Session ${sessionId} already exists`));
    const { events, name, messages } = read(file, userId, claim.epoch);
    try {
      await write(backbone, { sid: sessionId, userId, epoch: claim.epoch }, events, progress);
    } catch (thrown) {
      await purgeSession(backbone, sessionId);
      await removeBlobs(backbone, { userId, sid: sessionId });
      await forgetOwner(backbone, sessionId);
      throw thrown;
    }
    return { sessionId, name, events: events.length, messages };
  } finally {
    await backbone.close();
  }
}

function read(file: string, userId: string, epoch: number) {
  const outcome = readPiSessionFile(file, { userId, epoch, runnerId: IMPORT_RUNNER, piVersion: PI_VERSION });
  if (outcome.kind === 'ok') return outcome;
  throw new Failure({ code: outcome.code, message: outcome.message });
}

/** Connects as the administrator of the local run, the only one that may write to a log without a grant. */
async function connect({ url, users }: NatsAccess): Promise<Backbone> {
  return connectBackbone({
    url,
    nkey: users.admin.nkeySeed,
    provisioner: true,
    name: 'pizzapi-import',
    signal: AbortSignal.timeout(CONNECT_MS),
  });
}

/** Appends the events and holds the session's lease meanwhile, so that the session does not count as lost. */
async function write(
  b: Backbone,
  { sid, userId, epoch }: { sid: string; userId: string; epoch: number },
  events: readonly SessionEvent[],
  progress: (done: number, of: number) => void,
): Promise<void> {
  const spoolDir = await mkdtemp(join(tmpdir(), 'pizzapi-import-'));
  // The administrator decides what is stored: no limit applies here.
  const blobs = new BlobStore(b);
  const lease = await holdLease(b, `session.${sid}`, { epoch });
  const writer = await openWriter(b, { sid, epoch, spoolDir });
  try {
    for (const [index, event] of events.entries()) {
      await append(writer, await withoutLongParts(blobs, { userId, sid }, event));
      progress(index + 1, events.length);
    }
  } finally {
    await writer.discard();
    if (lease.kind === 'held') await lease.lease.release();
    await rm(spoolDir, { recursive: true, force: true });
  }
}

/** Any outcome but `appended` ends an import, because no process remains that could send the rest later. */
async function append(writer: SessionWriter, event: SessionEvent): Promise<void> {
  const { kind } = await writer.append(event);
  if (kind === 'appended' || kind === 'duplicate') return;
  if (kind === 'fenced') throw new Failure(errorInfo('fenced'));
  throw new Failure(
    errorInfo('unavailable', 'The connection to nats-server was lost during the import; nothing was imported'),
  );
}

/** Returns the event without its long parts, which are stored as blobs of the session. */
async function withoutLongParts(store: BlobStore, owner: BlobPlace, event: SessionEvent): Promise<SessionEvent> {
  const { event: smaller, parts } = externalize(event);
  const blobs: PlacedBlob[] = [];
  for (const { path, bytes, mediaType } of parts) {
    const stored = await store.put(owner, bytes, mediaType, { keep: true });
    if (stored.kind === 'full') throw new Failure(storageFull(stored.shortage));
    blobs.push({ path, ...stored.ref });
  }
  return placeBlobs(smaller, blobs);
}
