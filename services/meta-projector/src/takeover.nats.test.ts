import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { bucket, readLease } from '@pizzapi/backbone';
import { createMetrics, silentLogger } from '@pizzapi/process';
import type { SessionRow } from '@pizzapi/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROWS_FORM } from './cursor.js';
import { LiveProjector } from './liveProjector.js';
import { LEASE_KEY } from './leaderElection.js';
import { createProjectorMetrics } from './metrics.js';
import { Rebuild } from './rebuild.js';
import { started, turn } from './testing/events.js';
import { ProjectorHarness } from './testing/projectorHarness.js';

/** The built process, as it is deployed. */
const MAIN = fileURLToPath(new URL('../dist/bundle/main.js', import.meta.url));

let harness: ProjectorHarness;
const children: ChildProcess[] = [];
beforeEach(async () => {
  harness = await ProjectorHarness.open();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await harness.close();
});

function startProcess(...args: string[]) {
  const env = { ...process.env, PIZZAPI_NATS_URL: harness.nats.url };
  const child = fork(MAIN, args, { execArgv: [], env, silent: true });
  children.push(child);
  let err = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = Promise.all([once(child, 'exit'), once(child.stderr!, 'close')]).then(
    ([[code]]) => code as number | null,
  );
  return { child, ended, err: () => err };
}

async function refoldChanges(): Promise<unknown> {
  const { signal } = new AbortController();
  const rebuild = new Rebuild({ backbone: harness.backbone, log: silentLogger, signal });
  await rebuild.catchUp();
  return rebuild.swap();
}

describe('of two projectors', () => {
  it('the standby takes over when the active one is killed, and nothing is missing', async () => {
    const active = startProcess();
    const writer = await harness.host('a');
    await writer.append(started('Pizza'));
    await harness.rowWhere('a', (row) => row.info.name === 'Pizza');
    const standby = harness.project();
    expect(standby.projector.active()).toBe(false);

    const appending = (async () => {
      let last = 0;
      for (let index = 0; index < 20; index++) {
        last = await harness.tell(writer, ...turn(index));
        if (index === 10) active.child.kill('SIGKILL');
      }
      return last;
    })();
    const last = await appending;
    expect(await harness.rowWhere('a', (row) => row.lastSeq === last)).toMatchObject({ count: 181 });
    expect(standby.projector.active()).toBe(true);
    await standby.projector.stop();
    expect(await refoldChanges()).toEqual({ changed: 0, removed: 0 });
  });

  it('the standby takes over at once when the active one stops in an orderly way', async () => {
    const one = harness.project();
    const writer = await harness.host('a');
    await writer.append(started('Pizza'));
    await harness.rowWhere('a', () => true);
    const two = harness.project();
    await one.projector.drain();
    expect(one.projector.active()).toBe(false);
    await writer.append({ type: 'session_info_changed', at: 2, name: 'Calzone' });
    await harness.rowWhere('a', (row) => row.info.name === 'Calzone');
    expect(two.projector.active()).toBe(true);
    await two.projector.stop();
    expect(await readLease(harness.backbone, LEASE_KEY)).toBeUndefined();
  });

  it('that fold at once, no row goes back and no event is missing', async () => {
    const stop = new AbortController();
    const seen = new Map<string, number[]>();
    const watching = (async () => {
      for await (const change of bucket<SessionRow>(harness.backbone, 'sessions').watch({ signal: stop.signal })) {
        if (change.kind !== 'value') continue;
        seen.set(change.key, [...(seen.get(change.key) ?? []), change.value.lastSeq]);
      }
    })();
    const foldings = await Promise.all(
      [1, 2].map(async () => {
        const backbone = await harness.connect();
        const metrics = createProjectorMetrics(createMetrics());
        const lost = new AbortController().signal;
        const from = { identity: 'same', sessions: 0, runners: 0, rows: ROWS_FORM };
        const folding = new LiveProjector({ backbone, log: silentLogger, metrics, lost, onRow: () => undefined }, from);
        return { backbone, folding, metrics, running: folding.run() };
      }),
    );
    // Both read before the rest is written: otherwise the later one might find everything done.
    await harness.tell(await harness.host('first'), started('first'));
    const positionOf = async ({ cursor }: ReturnType<typeof createProjectorMetrics>) =>
      Math.max(...(await cursor.get()).values.map(({ value }) => value));
    for (const { metrics } of foldings) await expect.poll(() => positionOf(metrics)).toBeGreaterThan(0);
    const lasts = await Promise.all(
      ['a', 'b', 'c'].map(async (sid) => {
        const writer = await harness.host(sid);
        await writer.append(started(sid));
        let last = 0;
        for (let index = 0; index < 30; index++) last = await harness.tell(writer, ...turn(index));
        return [sid, last] as const;
      }),
    );
    for (const [sid, last] of lasts) await harness.rowWhere(sid, (row) => row.lastSeq === last && row.count === 271);
    await Promise.all(foldings.map(({ folding }) => folding.drain()));
    await Promise.all(foldings.map(({ running }) => running));
    stop.abort();
    await watching;
    for (const offsets of seen.values()) expect(offsets).toEqual([...offsets].sort((one, other) => one - other));
    const conflicts = await Promise.all(
      foldings.map(async ({ metrics }) => (await metrics.conflicts.get()).values.length),
    );
    expect(conflicts.some((count) => count > 0)).toBe(true);
    expect(await refoldChanges()).toEqual({ changed: 0, removed: 0 });
    await Promise.all(foldings.map(({ backbone }) => backbone.close()));
  });
});

describe('meta-projector --rebuild', () => {
  it('does it itself when nobody folds, says how far it is, and exits', async () => {
    const writer = await harness.host('a');
    await writer.append(started('Pizza'));
    await bucket<SessionRow>(harness.backbone, 'sessions').put('owner.nobody', {} as SessionRow);
    const { ended, err } = startProcess('--rebuild');
    expect(await ended).toBe(0);
    expect(err()).toMatch(/rebuild: projected offset 1 of 1 \(100 %\)\n/);
    // The sweeper of the process may have removed the row before.
    expect(err()).toMatch(/rebuild: done, \d rows changed, [01] removed\n/);
    expect((await harness.row('a'))?.info.name).toBe('Pizza');
    expect(await bucket<SessionRow>(harness.backbone, 'sessions').keys()).toEqual(['owner.a']);
  });

  it('lets the active one do it, which goes on afterwards', async () => {
    const { projector } = harness.project();
    const writer = await harness.host('a');
    await writer.append(started('Pizza'));
    await harness.rowWhere('a', () => true);
    const { ended, err } = startProcess('--rebuild');
    expect(await ended).toBe(0);
    expect(err()).toContain('rebuild: done');
    await writer.append({ type: 'session_info_changed', at: 2, name: 'Calzone' });
    await harness.rowWhere('a', (row) => row.info.name === 'Calzone');
    expect(projector.active()).toBe(true);
  });
});
