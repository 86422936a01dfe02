import {
  claimGrant,
  holdLease,
  logStreams,
  openWriter,
  replay,
  requestRpc,
  verifyMapping,
  verifyProvisioned,
} from '@pizzapi/backbone';
import { natsUserOf, newId, partitionOf, partitionSubject } from '@pizzapi/protocol';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { say, startSecuredNats, TestHosts, type SecuredNats } from './testing/index.js';

const PARTITIONS = 3;
let s: SecuredNats;
let hosts: TestHosts;
let spoolDir: string;
beforeAll(async () => {
  s = await startSecuredNats({ partitions: PARTITIONS });
  hosts = new TestHosts(s);
  spoolDir = await mkdtemp(join(tmpdir(), 'pizzapi-partitions-'));
});
afterAll(async () => {
  await hosts.close();
  await s.stop();
  await rm(spoolDir, { recursive: true, force: true });
});

/** How many messages each stream of the log has, by subject. */
async function stored(): Promise<Record<string, number>[]> {
  return Promise.all(
    logStreams(s.admin).map(async (stream) => {
      const ask = Buffer.from(JSON.stringify({ subjects_filter: '>' }));
      const info = await requestRpc(s.admin, `$JS.API.STREAM.INFO.${stream}`, ask, { timeoutMs: 5_000 });
      if (info.kind !== 'ok') throw new Error(info.kind);
      const { state } = JSON.parse(Buffer.from(info.body).toString()) as {
        state: { subjects?: Record<string, number> };
      };
      return state.subjects ?? {};
    }),
  );
}

describe('with several partitions', () => {
  it('a host appends to its own session by the same subject, and every service reads it there', async () => {
    const runner = await hosts.runner('ada');
    for (let i = 0; i < 6; i++) {
      const { worker, sid, epoch } = await hosts.session(runner);
      const writer = await openWriter(worker, { sid, epoch, spoolDir, storedIds: () => Promise.resolve([]) });
      expect((await writer.append({ type: 'agent_start', at: 1 })).kind).toBe('appended');
      expect((await writer.append({ type: 'agent_end', at: 2 })).kind).toBe('appended');
      await writer.close();
      expect((await stored())[partitionOf(sid, PARTITIONS)]?.[`session.${sid}.events`]).toBe(2);
      const gateway = await s.connectAs('gateway');
      const types: string[] = [];
      for await (const events of replay(gateway, sid)) types.push(...events.map(({ type }) => type));
      expect(types).toEqual(['agent_start', 'agent_end']);
    }
  });

  it('a host publishes nothing on the subject of a partition: not itself, and not by the subject of a reply', async () => {
    const runner = await hosts.runner('eve');
    const sid = newId('s');
    const grant = await claimGrant(runner.b, runner.of(sid));
    if (grant.kind !== 'granted') throw new Error(grant.code);
    const login = { user: natsUserOf({ kind: 'session', sid }), pass: grant.grant };
    const before = await stored();
    for (const of of [sid, 'victim']) {
      const subject = partitionSubject(PARTITIONS, of);
      expect(await say(s.nats.port, login, `PUB ${subject} 2\r\nhi`)).toMatch(/Permissions Violation/);
    }
    expect(await say(s.nats.port, login, 'PUB session.victim.events 2\r\nhi')).toMatch(/Permissions Violation/);
    for (const partition of [0, 1, 2]) {
      const reply = `partition.${PARTITIONS}.${partition}.victim`;
      await say(s.nats.port, login, `PUB session.${sid}.events ${reply} 2\r\nhi`);
      await say(s.nats.port, login, `PUB desk.session.${sid} ${reply} 2\r\nhi`);
    }
    const after = await stored();
    const own = partitionOf(sid, PARTITIONS);
    before[own]![`session.${sid}.events`] = 3;
    expect(after).toEqual(before);
  });

  it('a projector finds the mapping and holds the leases of partitions; the provisioner finds it too', async () => {
    const projector = await s.connectAs('projector');
    await verifyProvisioned(projector);
    await verifyMapping(projector);
    await verifyMapping(s.admin);
    for (const key of ['projector.0', 'projector.member_x']) {
      const lease = await holdLease(projector, key, { epoch: 1 });
      expect(lease.kind).toBe('held');
      if (lease.kind === 'held') await lease.lease.release();
    }
    const other = await s.connectAs('gateway', { partitions: 1 });
    await expect(verifyProvisioned(other)).rejects.toMatchObject({ code: 'partitions_differ' });
  });
});
