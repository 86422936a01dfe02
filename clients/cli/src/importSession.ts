import {
  appendWholeLog,
  BlobStore,
  claimSession,
  connectBackbone,
  holdLease,
  removeUnfinished,
  storageFull,
  verifyProvisioned,
  type Backbone,
  type BlobPlace,
} from '@pizzapi/backbone';
import {
  CodedError,
  errorInfo,
  externalize,
  IMPORTED,
  newId,
  placeBlobs,
  type PlacedBlob,
  type SessionEvent,
} from '@pizzapi/protocol';
import { bundledPi, processHost } from '@pizzapi/runner/installation';
import { withPiProcess, type ImportSummary, type PiProcess } from '@pizzapi/runner/piProcess';
import type { NatsAccess } from '@pizzapi/process';
import { Failure } from './io.js';

/** How long the backbone may take to connect, in ms. */
const CONNECT_MS = 3_000;

export interface Imported {
  sessionId: string;
  name: string;
  events: number;
  messages: number;
  /** The damage of the file, line by line: only with `salvage`. */
  damage: ImportSummary['damage'];
  /** What was repaired, one phrase for each kind. */
  repairs: string[];
  /** What is left out because only a newer pi knows it, one phrase for each kind. */
  skipped: string[];
}

/**
 * Creates a session from a pi session file, which a process with pi reads and checks whole before anything is written.
 * When writing fails, deletes what was written, so that the session exists completely or not at all.
 */
export async function importSession(
  file: string,
  access: NatsAccess,
  userId: string,
  progress: (done: number, of: number) => void,
  { salvage = false }: { salvage?: boolean } = {},
): Promise<Imported> {
  return withPiProcess(bundledPi(processHost()), async (pi) => {
    // The backbone is used only when the file is known to be good.
    const { summary, events } = await read(pi, file, userId, salvage);
    const { name, messages, damage, repairs, skipped } = summary;
    const backbone = await connect(access);
    try {
      await verifyProvisioned(backbone);
      const sessionId = newId();
      const claim = await claimSession(backbone, { sid: sessionId, userId, runnerId: IMPORTED });
      if (claim.kind === 'refused')
        throw new Failure(errorInfo('already_exists', `Session ${sessionId} already exists`));
      const { epoch } = claim;
      const report = (done: number) => progress(done, summary.events);
      try {
        await write(backbone, { sid: sessionId, userId, epoch }, withEpoch(events(), epoch), report);
      } catch (thrown) {
        await removeUnfinished(backbone, { userId, sid: sessionId });
        throw thrown;
      }
      return { sessionId, name, events: summary.events, messages, damage, repairs, skipped };
    } finally {
      await backbone.close();
    }
  });
}

async function read(pi: PiProcess, file: string, userId: string, salvage: boolean) {
  const outcome = await pi.read({ file, userId, runnerId: IMPORTED, salvage });
  if (outcome.kind === 'ok') return outcome;
  throw new Failure(outcome.error);
}

/** The first event states the epoch, which is known when the session is claimed. */
async function* withEpoch(events: AsyncIterable<SessionEvent>, epoch: number): AsyncGenerator<SessionEvent> {
  for await (const event of events) yield event.type === 'session_started' ? { ...event, epoch } : event;
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
  events: AsyncIterable<SessionEvent>,
  progress: (done: number) => void,
): Promise<void> {
  // The administrator decides what is stored: no limit applies here.
  const blobs = new BlobStore(b);
  const stored = async function* () {
    for await (const event of events) yield await withoutLongParts(blobs, { userId, sid }, event);
  };
  const lease = await holdLease(b, `session.${sid}`, { epoch });
  try {
    await appendWholeLog(b, stored(), { sid, epoch, onProgress: progress });
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new Failure({ code: error.code, message: `Nothing was imported. ${error.message}` });
  } finally {
    if (lease.kind === 'held') await lease.lease.release();
  }
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
