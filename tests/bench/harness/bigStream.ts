import {
  claimSession,
  openWriter,
  sessionRowKey,
  sessionRows,
  streamHead,
  SESSIONS_STREAM,
  type SessionWriter,
} from '@pizzapi/backbone';
import { applySessionInfo, initialSessionInfo, type EventOf } from '@pizzapi/protocol';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext } from './bench.js';
import { nowMs } from './clock.js';
import { startNats, type Nats } from './processes.js';

/** Has to be raised when the written data changes, so that an old store is not used. */
const LAYOUT = 1;
const SESSIONS = 250;
/** The session that is replayed, and its number of events. */
export const LONG_SID = 'bench-long';
export const LONG_EVENTS = 10_000;
export const otherSid = (i: number): string => `bench-other-${i}`;

export interface BigStream {
  nats: Nats;
  /** Number of events in the whole stream. */
  events: number;
}

/**
 * A stream of a million events (a tenth when quick). The events of the long session are evenly distributed among those
 * of 250 other sessions. The store is kept in the temporary folder of the system, because writing it takes a minute.
 */
export async function bigStream(context: BenchContext): Promise<BigStream> {
  const events = context.quick ? 100_000 : 1_000_000;
  const folder = join(tmpdir(), `pizzapi-bench-stream-${LAYOUT}-${events}`);
  const marker = join(folder, 'complete');
  if (!existsSync(marker)) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
  }
  // No process generates load here, so all three processes share the cores.
  const nats = await startNats(context, { storeDir: folder, unpinned: true });
  if (!existsSync(marker)) {
    await fill(context, nats, events);
    await writeFile(marker, '');
  }
  return { nats, events: await streamHead(nats.b, SESSIONS_STREAM) };
}

const LINE = 'The quick brown fox reads the log from an offset and misses nothing. ';

/** Returns a finished message of the conversation of about 300 bytes. */
function message(i: number): EventOf<'message_end'> {
  const at = 1_700_000_000_000 + i;
  const content = [{ type: 'text' as const, text: `${i}. ${LINE.repeat(2)}` }];
  const role = i % 2 === 0 ? 'user' : 'assistant';
  return { type: 'message_end', at, messageId: `m${i}`, entryId: `e${i}`, message: { role, content, timestamp: at } };
}

async function fill({ report }: BenchContext, nats: Nats, events: number): Promise<void> {
  const spoolDir = await mkdtemp(join(tmpdir(), 'pizzapi-bench-spool-'));
  const from = nowMs();
  try {
    const long = await openAt(nats, LONG_SID, spoolDir);
    const others: SessionWriter[] = [];
    for (let i = 0; i < SESSIONS; i++) others.push(await openAt(nats, otherSid(i), spoolDir));
    const rounds = LONG_EVENTS - 1;
    const perRound = Math.floor(events / LONG_EVENTS) - 1;
    let next = 0;
    let written = SESSIONS + 1;
    for (let round = 0; round < rounds; round++) {
      const batch = [long.append(message(round))];
      for (let i = 0; i < perRound; i++) batch.push(others[next++ % SESSIONS]!.append(message(next)));
      for (const { kind } of await Promise.all(batch)) if (kind !== 'appended') throw new Error(`an event was ${kind}`);
      written += batch.length;
      if (round % 1_000 === 999) {
        const seconds = ((nowMs() - from) / 1_000).toFixed(0);
        report.progress(
          `building the stream, once: ${written.toLocaleString('en')} of ${events.toLocaleString('en')} events, ${seconds} s`,
        );
      }
    }
    for (const writer of [long, ...others]) await writer.close();
  } finally {
    await rm(spoolDir, { recursive: true, force: true });
  }
}

async function openAt({ b }: Nats, sid: string, spoolDir: string): Promise<SessionWriter> {
  const claim = await claimSession(b, { sid, userId: 'owner', runnerId: 'bench' });
  if (claim.kind === 'refused') throw new Error(`${sid} belongs to another host`);
  const { epoch } = claim;
  const writer = await openWriter(b, { sid, epoch, spoolDir });
  const about = { cwd: '/', name: sid, model: 'bench/bench', runnerId: 'bench', userId: 'owner', piVersion: '0' };
  const started = { type: 'session_started' as const, at: Date.now(), ...about, epoch };
  const appended = await writer.append(started);
  if (appended.kind !== 'appended') throw new Error(`${sid}: ${appended.kind}`);
  const info = applySessionInfo(initialSessionInfo(sid), started);
  await sessionRows(b).put(sessionRowKey('owner', sid), {
    info,
    lastSeq: appended.seq,
    count: 1,
    epoch,
    checkpoints: [],
  });
  return writer;
}
