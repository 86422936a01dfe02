import { startSecuredNats, talk, type SecuredNats } from '@pizzapi/authenticator/testing';
import {
  claimGrant,
  connectBackbone,
  holdLease,
  leaseAt,
  openWriter,
  publishRunnerEvent,
  readCommands,
  sendCommand,
  serveRpc,
  tail,
  type Backbone,
  type SessionWriter,
} from '@pizzapi/backbone';
import { runnerPassword, subjects, type Command } from '@pizzapi/protocol';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findOldestNats } from '../support/oldestNats.js';
import { until } from '../support/until.js';
import { observe, type Observer, type StreamState } from './support/observer.js';
import { attackersOf, linesOf, MINE, replySubjects, VICTIM, type Attacker } from './support/replyMatrix.js';

const SERVICES = ['gateway', 'projector', 'authenticator'];
const oldest = await findOldestNats();
if (oldest.kind === 'missing')
  console.warn(`SKIPPED: no test on the oldest nats-server, it cannot be built: ${oldest.why}`);

const servers = [
  { server: 'the nats-server in use', binary: undefined, missing: false },
  {
    server: 'the oldest nats-server that is accepted',
    binary: oldest.kind === 'found' ? oldest.binary : undefined,
    missing: oldest.kind === 'missing',
  },
];

const SECRET = 'a-secret-of-this-host';
/** No renewal falls between two looks at the streams. */
const LONG_LEASE = { ttlMs: 3_600_000, renewMs: 3_600_000 };
/** The authenticator writes there by itself: that a key was used, and that it sweeps blobs. */
const KEPT = ['KV_api-keys', 'KV_leases'];

/**
 * A client may name any subject for its replies, and nats-server delivers them without asking whether the client may
 * publish there. So each login publishes everything that it may, with every reply subject that would do harm.
 */
describe.each(servers)('on $server', ({ binary, missing }) => {
  describe.skipIf(missing)('a reply subject of an attacker’s choice', () => {
    let s: SecuredNats;
    let observer: Observer;
    let attackers: Attacker[];
    let folder: string;
    let writer: SessionWriter;
    let victim: Backbone;
    /** What the programs of others did because of a message that reached them. */
    const acted: string[] = [];
    const seen: string[] = [];
    const record = (what: string): undefined => void acted.push(what);
    const stop = new AbortController();
    const open: { close(): Promise<unknown> }[] = [];

    const connect = async (user: 'runner' | 'session', id: string, password: string): Promise<Backbone> => {
      const host = user === 'runner' ? ({ kind: 'runner', rid: id } as const) : ({ kind: 'session', sid: id } as const);
      const b = await connectBackbone({ url: s.url, name: id, host, password });
      open.push(b);
      return b;
    };
    const hostOf = async ({ rid, sid }: typeof MINE) => {
      const password = runnerPassword(await s.newRunnerToken(rid), SECRET);
      const runner = await connect('runner', rid, password);
      await holdLease(runner, `runner.${rid}`, { epoch: 1, ...LONG_LEASE });
      await publishRunnerEvent(runner, rid, { type: 'runner_stopped', at: 1, reason: 'stopped' });
      const grant = await claimGrant(runner, { kind: 'runner', rid, sid });
      if (grant.kind !== 'granted') throw new Error(grant.code);
      const worker = await connect('session', sid, grant.grant);
      await holdLease(worker, `session.${sid}`, { epoch: grant.epoch, ...LONG_LEASE });
      const own = await openWriter(worker, { sid, epoch: grant.epoch, spoolDir: folder });
      await own.append({ type: 'agent_start', at: 1 });
      return { runner, worker, writer: own, password, grant: grant.grant };
    };
    const command = (commandId: string): Command => ({
      ...{ commandId, name: 'list_sessions', args: {}, by: { userId: 'u', via: 'owner' } },
      ...{ at: Date.now(), expiresAt: Date.now() + 60_000 },
    });

    /** Returns the victim's leases with their revisions, so that a comparison detects every write. */
    const victimsLeases = () =>
      Promise.all([`runner.${VICTIM.rid}`, `session.${VICTIM.sid}`].map((key) => leaseAt(s.admin, key)));

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'pizzapi-replies-'));
      s = await startSecuredNats(binary === undefined ? {} : { binary });
      const mallory = await hostOf(MINE);
      const other = await hostOf(VICTIM);
      writer = other.writer;
      victim = other.runner;
      attackers = attackersOf(s.credentials, { runner: mallory.password, session: mallory.grant });
      serveRpc(victim, subjects.runnerRpc(VICTIM.rid, '*'), () => record('rpc'));
      serveRpc(other.worker, subjects.sessionPartial(VICTIM.sid), () => record('partial'));
      void readCommands(victim, VICTIM.rid, {
        ...{ after: 0, signal: stop.signal },
        onCommand: ({ commandId }) => void seen.push(commandId),
        onPoison: () => void acted.push('command'),
      });
      const gateway = await s.connectAs('gateway');
      serveRpc(gateway, subjects.attention(VICTIM.sid), () => record('attention'));
      const live = await tail(gateway, VICTIM.sid, {
        after: 0,
        onEvents: (events) => void seen.push(...events.map(({ msgId }) => msgId)),
        onDelta: () => void acted.push('piece'),
      });
      open.push({ close: () => live.stop() });
      await sendCommand(gateway, VICTIM.rid, command('first'));
      await until('the victim has its first command', () => seen.includes('first'));
      observer = await observe(s, replySubjects(s.credentials));
    });
    afterAll(async () => {
      stop.abort();
      for (const each of open.toReversed()) await each.close();
      await observer?.close();
      await s?.stop();
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    });

    const names = ['runner', 'keeper', 'session', 'auditor'];
    for (const role of SERVICES) names.push(role, `${role}, for the state`);

    it('is tried with every login but the provisioner’s', () => {
      expect(attackers.map(({ name }) => name)).toEqual(names);
    });

    it.each(names)('reaches no stream and nobody else with the login of: %s', async (name) => {
      const { login, subjects: own } = attackers.find((attacker) => attacker.name === name)!;
      const client = await talk(s.nats.port, login);
      const before = await observer.streams();
      const leases = await victimsLeases();
      const lines = linesOf(own, replySubjects(s.credentials));
      for (const { text } of lines) expect(await client.say(text)).toBe('ok');
      // A service shares the inbox prefix of its role: it can make readers of its own role rebuild, under a new name.
      const isService = SERVICES.some((role) => name.startsWith(role));
      const namesOf = (consumers: string[]) =>
        isService ? consumers.map((each) => each.replace(/^r_.*/, 'r_')) : consumers;
      const direct = (state: StreamState): number =>
        lines.filter(({ subject }) => state.captures(subject)).reduce((sum, { count }) => sum + count, 0);
      // The server stores what it has read later. What it then answers follows at once.
      await until('the attacker’s own writes are stored', async () => {
        const now = await observer.streams();
        return Object.entries(before).every(
          ([stream, then]) => KEPT.includes(stream) || now[stream]!.lastSeq >= then.lastSeq + direct(then),
        );
      });
      await observer.settled();
      client.close();
      const after = await observer.streams();
      expect(Object.keys(after)).toEqual(Object.keys(before));
      for (const [stream, then] of Object.entries(before)) {
        const now = after[stream]!;
        expect(now.config, `${stream} is configured as before`).toEqual(then.config);
        expect(namesOf(now.consumers), `${stream} has its consumers`).toEqual(namesOf(then.consumers));
        const ofOthers = (held: Record<string, number>) => Object.entries(held).filter(([each]) => !own.includes(each));
        expect(ofOthers(now.subjects), `${stream} holds what it held`).toEqual(ofOthers(then.subjects));
        if (!KEPT.includes(stream))
          expect(now.lastSeq, `${stream} got the direct writes alone`).toBe(then.lastSeq + direct(then));
      }
      expect(await victimsLeases(), 'the victim’s leases').toEqual(leases);
      expect(observer.received(own), 'what reached somebody else').toEqual([]);
      expect(acted).toEqual([]);
    });

    it('takes no lease of others, whatever headers a host gives its own', async () => {
      const before = await observer.streams();
      const client = await talk(s.nats.port, attackers.find(({ name }) => name === 'session')!.login);
      const subject = `$KV.leases.session.${MINE.sid}`;
      for (const header of [
        'Nats-Rollup: all',
        'Nats-Rollup: sub',
        'KV-Operation: PURGE',
        'Nats-Marker-Reason: MaxAge',
      ]) {
        const head = `NATS/1.0\r\n${header}\r\n\r\n`;
        await client.say(`HPUB ${subject} ${head.length} ${head.length + 2}\r\n${head}{}`);
      }
      await observer.settled();
      client.close();
      const held = Object.keys((await observer.streams())['KV_leases']!.subjects);
      expect(held).toEqual(expect.arrayContaining(Object.keys(before['KV_leases']!.subjects)));
    });

    it('disturbs nothing: the victim writes, and receives its commands', async () => {
      expect(await writer.append({ type: 'agent_end', at: 2 })).toMatchObject({ kind: 'appended' });
      await until('its viewer has the event', () => seen.some((id) => id.endsWith('.2')));
      const gateway = await s.connectAs('gateway');
      await sendCommand(gateway, VICTIM.rid, command('last'));
      await until('the victim has its last command', () => seen.includes('last'));
      expect(seen.filter((id) => !id.includes('.'))).toEqual(['first', 'last']);
    });

    it('does reach a stream from the account that has it, which is why nobody but the provisioner is there', async () => {
      const client = await talk(s.nats.port, { nkey: s.credentials.admin.nkeySeed });
      const nothing = '$JS.API.DIRECT.GET.SESSIONS.session.none.events';
      expect(await client.say(`PUB ${nothing} $JS.API.STREAM.PURGE.COMMANDS 0\r\n`)).toBe('ok');
      const isPurged = async () => Object.keys((await observer.streams())['COMMANDS']!.subjects).length === 0;
      await until('the server has purged the stream', isPurged);
      client.close();
    });
  });
});
