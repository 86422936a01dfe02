import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bucket,
  claimSession,
  connectBackbone,
  headOf,
  openWriter,
  provision,
  publishRunnerEvent,
  readSessionRow,
  recentSessionsRows,
  sessionRowKey,
  verifyProvisioned,
  type Backbone,
  type SessionWriter,
} from '@pizzapi/backbone';
import { mappingsConfig, startTestNats, type TestNats } from '@pizzapi/backbone/testing';
import { createMetrics, silentLogger, type Metrics } from '@pizzapi/process';
import type { RunnerRow, SessionEvent, SessionMetaRow, SessionRow } from '@pizzapi/protocol';
import { createProjector, type Projector, type ProjectorOptions } from '../app.js';

/** The account of the sessions of a test. */
export const OWNER = 'owner';

/** The key of the row of one of its sessions. */
export const rowKey = (sid: string): string => sessionRowKey(OWNER, sid);

/** A real nats-server, and what a test does to it as hosts, projectors and readers do. */
export class ProjectorHarness {
  readonly projectors: Projector[] = [];
  private readonly writers: SessionWriter[] = [];

  private constructor(
    readonly nats: TestNats,
    readonly backbone: Backbone,
    readonly folder: string,
  ) {}

  static async open({ partitions = 1 }: { partitions?: number } = {}): Promise<ProjectorHarness> {
    const nats = await startTestNats({ config: mappingsConfig(partitions) });
    const backbone = await connectBackbone({ url: nats.url, name: 'test', partitions });
    await provision(backbone);
    return new ProjectorHarness(nats, backbone, await mkdtemp(join(tmpdir(), 'pizzapi-world-')));
  }

  async close(): Promise<void> {
    await Promise.all(this.projectors.map((projector) => projector.stop()));
    await Promise.all(this.writers.map((writer) => writer.close()));
    await this.backbone.close();
    await this.nats.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A host that was granted a session. */
  async host(sid: string, runnerId = 'r1', userId = OWNER): Promise<SessionWriter> {
    const grant = await claimSession(this.backbone, { sid, userId, runnerId });
    if (grant.kind !== 'granted') throw new Error(`${sid} was refused`);
    return this.writer(sid, grant.epoch);
  }

  /** A writer of some epoch, granted or not. */
  async writer(sid: string, epoch: number): Promise<SessionWriter> {
    const spoolDir = await mkdtemp(join(this.folder, 'spool-'));
    const writer = await openWriter(this.backbone, { sid, epoch, spoolDir });
    this.writers.push(writer);
    return writer;
  }

  /** Appends events; the offset of the last one in the log, also where its acknowledgement was too late. */
  async tell(writer: SessionWriter, ...events: SessionEvent[]): Promise<number> {
    await Promise.all(events.map((event) => writer.append(event)));
    await writer.settled();
    return (await headOf(this.backbone, writer.sid)).last;
  }

  /** Starts a projector in this process. What it counts is in `metrics`. */
  project(options: Partial<ProjectorOptions> = {}): { projector: Projector; metrics: Metrics; ended: Promise<void> } {
    const metrics = createMetrics();
    const lease = { ttlMs: 2_000, renewMs: 500, pollMs: 100 };
    const projector = createProjector({ backbone: this.backbone, log: silentLogger, metrics, lease, ...options });
    this.projectors.push(projector);
    return { projector, metrics, ended: projector.run() };
  }

  /** A connection of its own, to lose it as a process does. */
  async connect(): Promise<Backbone> {
    const backbone = await connectBackbone({ url: this.nats.url, name: 'test' });
    await verifyProvisioned(backbone);
    return backbone;
  }

  row(sid: string): Promise<SessionRow | undefined> {
    return readSessionRow(this.backbone, sid);
  }

  /** The sessions that the row of recent sessions of an account names, by their time. */
  async recent(userId = OWNER): Promise<Map<string, number> | undefined> {
    const row = (await recentSessionsRows(this.backbone).get(userId))?.value;
    return row && new Map(row.sessions.map(({ sessionId, at }) => [sessionId, at]));
  }

  meta(sid: string): Promise<SessionMetaRow | undefined> {
    return valueOf<SessionMetaRow>(this.backbone, 'session-meta', sid);
  }

  runner(rid: string): Promise<RunnerRow | undefined> {
    return valueOf<RunnerRow>(this.backbone, 'runners', rid);
  }

  /** The row of a session once it says so. */
  rowWhere(sid: string, holds: (row: SessionRow) => boolean): Promise<SessionRow> {
    return changeWhere<SessionRow>(this.backbone, 'sessions', rowKey(sid), holds);
  }

  metaWhere(sid: string, holds: (row: SessionMetaRow) => boolean): Promise<SessionMetaRow> {
    return changeWhere<SessionMetaRow>(this.backbone, 'session-meta', sid, holds);
  }

  runnerWhere(rid: string, holds: (row: RunnerRow) => boolean): Promise<RunnerRow> {
    return changeWhere<RunnerRow>(this.backbone, 'runners', rid, holds);
  }

  /** Resolves when the row of a session is gone. */
  async rowGone(sid: string): Promise<void> {
    const stop = new AbortController();
    for await (const change of bucket<SessionRow>(this.backbone, 'sessions').watch({ signal: stop.signal })) {
      if (change.kind === 'gone' && change.key === rowKey(sid)) break;
      if (change.kind === 'ready' && (await this.row(sid)) === undefined) break;
    }
    stop.abort();
  }

  runnerStarted(rid: string, name: string): Promise<unknown> {
    return publishRunnerEvent(this.backbone, rid, {
      type: 'runner_started',
      at: 1,
      name,
      kind: 'daemon',
      version: '1',
      piVersion: '0.73',
      platform: 'linux',
      roots: ['/'],
      models: [],
      defaultModel: 'demo/demo',
      maxSessions: 8,
      epoch: 1,
    });
  }
}

async function valueOf<T>(b: Backbone, name: string, key: string): Promise<T | undefined> {
  return (await bucket<T>(b, name).get(key))?.value;
}

async function changeWhere<T>(b: Backbone, name: string, key: string, holds: (value: T) => boolean): Promise<T> {
  const stop = new AbortController();
  for await (const change of bucket<T>(b, name).watch({ signal: stop.signal })) {
    if (change.kind !== 'value' || change.key !== key || !holds(change.value)) continue;
    stop.abort();
    return change.value;
  }
  throw new Error('the watch ended');
}
