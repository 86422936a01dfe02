import {
  claimSession,
  connectBackbone,
  headOf,
  openWriter,
  replay,
  sessionRowKey,
  sessionRows,
  type Backbone,
  type SessionWriter,
} from '@pizzapi/backbone';
import { BareAppender } from '@pizzapi/backbone/testing';
import { applySessionInfo, initialSessionInfo } from '@pizzapi/protocol';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nowMs, paced } from '../harness/clock.js';
import { eventMaker } from '../harness/events.js';
import { serveParent } from '../harness/program.js';

/** A runner with many sessions: writers of the product that append at a given rate or as fast as the log accepts. */
const spoolDir = mkdtempSync(join(tmpdir(), 'pizzapi-bench-spool-'));
process.once('exit', () => rmSync(spoolDir, { recursive: true, force: true }));

let backbone: Backbone | undefined;
const writers = new Map<string, SessionWriter>();
const failures = new Map<string, number>();

const writersOf = (sids: readonly string[]) => sids.map((sid) => writers.get(sid)!);
const cpuSecondsSince = (start: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
};

async function append(writer: SessionWriter, event: Parameters<SessionWriter['append']>[0]): Promise<void> {
  const { kind } = await writer.append(event);
  if (kind !== 'appended') failures.set(kind, (failures.get(kind) ?? 0) + 1);
}

const handlers = {
  connect: async ({ natsUrl }: { natsUrl: string }) => {
    backbone = await connectBackbone({ url: natsUrl, name: 'bench-publisher' });
  },
  /**
   * Opens sessions: granted, started, and with a row in the projection, because no projector runs here. Returns the
   * offset of the first event of each session.
   */
  open: async ({ sids }: { sids: string[] }) => {
    const b = backbone!;
    const rows = sessionRows(b);
    const opening = sids.map(async (sid) => {
      const claim = await claimSession(b, { sid, userId: 'owner', runnerId: 'bench' });
      if (claim.kind === 'refused') throw new Error(`${sid} belongs to another host`);
      const { epoch } = claim;
      const writer = await openWriter(b, { sid, epoch, spoolDir });
      writers.set(sid, writer);
      const about = { cwd: '/', name: sid, model: 'bench/bench', runnerId: 'bench', userId: 'owner', piVersion: '0' };
      const started = { type: 'session_started' as const, at: Date.now(), ...about, epoch };
      const appended = await writer.append(started);
      if (appended.kind !== 'appended') throw new Error(`${sid}: ${appended.kind}`);
      const info = applySessionInfo(initialSessionInfo(sid), started);
      await rows.put(sessionRowKey('owner', sid), { info, lastSeq: appended.seq, count: 1, epoch, checkpoints: [] });
      return [sid, appended.seq] as const;
    });
    return Object.fromEntries(await Promise.all(opening));
  },
  /** Appends `perSecond` events in total, evenly distributed over the sessions. */
  paced: async ({
    sids,
    perSecond,
    seconds,
    bytes,
  }: {
    sids: string[];
    perSecond: number;
    seconds: number;
    bytes: number;
  }) => {
    const targets = writersOf(sids);
    const make = eventMaker(bytes);
    const appends: Promise<void>[] = [];
    const start = process.cpuUsage();
    const from = nowMs();
    const sent = await paced(
      perSecond,
      seconds,
      (i) => void appends.push(append(targets[i % targets.length]!, make())),
    );
    await Promise.all(appends);
    return { sent, ms: nowMs() - from, cpuSeconds: cpuSecondsSince(start), ...failed() };
  },
  /** Appends as fast as possible, with `ahead` events of a session passed to its writer at a time. */
  burst: async ({ sids, each, bytes, ahead }: { sids: string[]; each: number; bytes: number; ahead: number }) => {
    const make = eventMaker(bytes);
    const start = process.cpuUsage();
    const from = nowMs();
    await Promise.all(
      writersOf(sids).map(async (writer) => {
        let left = each;
        const lane = async () => {
          while (left-- > 0) await append(writer, make());
        };
        await Promise.all(Array.from({ length: ahead }, lane));
      }),
    );
    return { sent: each * sids.length, ms: nowMs() - from, cpuSeconds: cpuSecondsSince(start), ...failed() };
  },
  /** `burst` with one event in flight in each new session, by a publisher without a spool. */
  bareBurst: async ({ sids, each, bytes }: { sids: string[]; each: number; bytes: number }) => {
    const make = eventMaker(bytes);
    const start = process.cpuUsage();
    await Promise.all(
      sids.map(async (sid) => {
        const appender = new BareAppender(backbone!, sid);
        for (let i = 0; i < each; i++) await appender.append(make());
      }),
    );
    return { sent: each * sids.length, cpuSeconds: cpuSecondsSince(start) };
  },
  /** The number of events of each session in the log. */
  stored: async ({ sids }: { sids: string[] }) => {
    const counts: Record<string, number> = {};
    for (const sid of sids) {
      counts[sid] = 0;
      for await (const batch of replay(backbone!, sid, { after: 0 })) counts[sid] += batch.length;
    }
    return counts;
  },
  head: ({ sid }: { sid: string }) => headOf(backbone!, sid),
  close: async () => {
    await Promise.all([...writers.values()].map((writer) => writer.close()));
    writers.clear();
    await backbone?.close();
  },
};

function failed(): { failed: Record<string, number> } {
  const counts = Object.fromEntries(failures);
  failures.clear();
  return { failed: counts };
}

export type PublisherApi = typeof handlers;
serveParent(handlers);
