import { COMMANDS_STREAM, requestRpc, SESSIONS_STREAM } from '@pizzapi/backbone';
import { encode } from '@pizzapi/protocol';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalStack } from '../support/localStack.js';
import { connectTo, readLog } from '../support/log.js';
import { until } from '../support/until.js';
import { newSession } from '../support/viewer.js';
import { ask } from './support/http.js';
import { join, type OpenSocket } from './support/socket.js';
import { startTwoHosts, type TwoHosts } from './support/twoHosts.js';

let relay: TwoHosts;
let stage: LocalStack;
let ada: TwoHosts['ada'];
let raw: TwoHosts['raw'];
let viewer: OpenSocket;

beforeAll(async () => {
  relay = await startTwoHosts();
  ({ stage, ada, raw } = relay);
  viewer = await join(stage.url, `/ws/sessions/${ada.sid}`, { bearer: stage.token });
  await viewer.heard('hello');
  viewer.send({ type: 'resume' });
  await viewer.heard('live');
});
afterAll(async () => {
  viewer?.close();
  await relay?.clear();
});

/**
 * A client may name any subject for its replies, and the server delivers them without asking whether the client might
 * publish there. `replySubjects.test.ts` tries every login; here a whole relay is attacked while it works.
 */
describe('(14) what a host has the server send to another’s subject', () => {
  const MARK = 'words of Eve';
  let count = 0;

  /** Has the server answer on `target`: what acknowledges an append, a fact and a lease, and what the host API says. */
  async function reflect(target: string, body: Uint8Array): Promise<void> {
    const text = Buffer.from(body);
    for (const [connection, subject] of [
      [raw.session, 'session.eves-session.events'],
      [raw.session, '$KV.leases.session.eves-session'],
      [raw.session, 'desk.session.eves-session'],
      [raw.runner, 'runner.eves-laptop.events'],
      [raw.runner, 'desk.runner.eves-laptop'],
      [raw.keeper, 'session.eves-session.events'],
    ] as const)
      expect(await connection.publish(subject, text, target)).toBe('ok');
  }
  const seen = () => JSON.stringify(viewer.frames);

  /** Ada's session works, and her viewer has seen what she said, and nothing of Eve's. */
  async function expectUnharmed(): Promise<void> {
    const text = `still here ${++count}`;
    const answer = await ask(stage.url, `/api/sessions/${ada.sid}/input`, { bearer: stage.token, json: { text } });
    expect(answer.status, answer.text).toBe(202);
    await viewer.heard('event', ({ event }) => (event as { text?: string }).text === text);
    expect(seen()).not.toContain(MARK);
    const log = await ask(stage.url, `/api/sessions/${ada.sid}/events?limit=10000`, { bearer: stage.token });
    expect(log.text).toContain(text);
    expect(log.text).not.toContain(MARK);
  }
  const words = encode({ type: 'x', at: 0, text: MARK });

  it('does not come to lie on another’s subject, whichever stream that is', async () => {
    const admin = await connectTo(stage);
    const subjectsOf = async (stream: string) => {
      const info = await requestRpc(
        admin,
        `$JS.API.STREAM.INFO.${stream}`,
        Buffer.from(JSON.stringify({ subjects_filter: '>' })),
        { timeoutMs: 5_000 },
      );
      if (info.kind !== 'ok') throw new Error(info.kind);
      const { state } = JSON.parse(Buffer.from(info.body).toString()) as {
        state: { subjects?: Record<string, number> };
      };
      return state.subjects ?? {};
    };
    for (const target of [
      `session.${ada.sid}.events`,
      `runner.${ada.rid}.cmd`,
      `runner.${ada.rid}.events`,
      `$KV.leases.session.nobodys`,
      'audit.login',
    ])
      await reflect(target, words);
    // What Eve may append herself comes after what she had the server send.
    await until('her own appends are stored', async () => {
      return ((await subjectsOf(SESSIONS_STREAM))['session.eves-session.events'] ?? 0) >= 11;
    });
    // The gateway stores a probe of its own.
    const commands = Object.keys(await subjectsOf(COMMANDS_STREAM)).filter(
      (subject) => subject !== 'runner.$probe.cmd',
    );
    expect(commands).toEqual([`runner.${ada.rid}.cmd`]);
    expect(await subjectsOf('KV_leases')).not.toHaveProperty('$KV.leases.session.nobodys');
    const log = await readLog(stage, ada.sid);
    expect((await subjectsOf(SESSIONS_STREAM))[`session.${ada.sid}.events`]).toBe(log.length);
    await admin.close();
  });

  it('is no event of that session, neither in its log nor live', async () => {
    await reflect(`session.${ada.sid}.events`, words);
    await reflect(`live.session.${ada.sid}.events`, words);
    await expectUnharmed();
  });

  it('is no piece of that session', async () => {
    const piece = { type: 'text_delta', at: 0, n: 1, messageId: 'm', index: 0, text: MARK };
    await reflect(`session.${ada.sid}.deltas`, encode(piece));
    await expectUnharmed();
  });

  it('is no command to that runner', async () => {
    const proof = path.join(stage.project, 'eve-was-here');
    const now = Date.now();
    const exec = {
      ...{ commandId: 'eve1', name: 'exec', sessionId: ada.sid, args: { command: `touch ${proof}` } },
      ...{ by: { userId: 'owner', via: 'owner' }, at: now, expiresAt: now + 60_000 },
    };
    await reflect(`runner.${ada.rid}.cmd`, encode(exec));
    await reflect(`live.runner.${ada.rid}.cmd`, encode(exec));
    await expectUnharmed();
    expect(existsSync(proof)).toBe(false);
  });

  it('is no question to the desk, neither in another’s name nor in a gateway’s', async () => {
    await reflect('desk.purge', encode({ sid: ada.sid }));
    await reflect(`desk.session.${ada.sid}`, encode({ verb: 'claim' }));
    await reflect(`desk.runner.${ada.rid}`, encode({ verb: 'claim', sid: ada.sid }));
    await expectUnharmed();
    const first = await ask(stage.url, `/api/sessions/${ada.sid}/events?limit=1`, { bearer: stage.token });
    expect(first.text).toContain('session_started');
  });

  it('takes no lease from its holder, and keeps nobody from learning of others', async () => {
    for (const key of [`session.${ada.sid}`, `runner.${ada.rid}`, 'projector', 'session.nobodys']) {
      await reflect(`$KV.leases.${key}`, encode({ epoch: 1_000_000, at: Date.now() }));
    }
    await expectUnharmed();
    const fresh = await newSession(stage);
    await until(
      'a new session is there',
      async () => (await ask(stage.url, `/api/sessions/${fresh}`, { bearer: stage.token })).status === 200,
    );
    expect(viewer.frames.filter((frame) => frame.type === 'host' && frame['state'] === 'lost')).toEqual([]);
  });

  it('costs nobody an event, though the ids of those to come are taken: the server remembers ids for all sessions', async () => {
    const { epoch, n } = (await readLog(stage, ada.sid)).at(-1)!;
    for (let next = n + 1; next < n + 50; next++) {
      const id = `Nats-Msg-Id: ${ada.sid}.${epoch}.${next}`;
      expect(await raw.session.publish('session.eves-session.events', encode({ type: 'x', at: 0 }), '', id)).toBe('ok');
    }
    await expectUnharmed();
    const numbers = (await readLog(stage, ada.sid)).map((event) => event.n);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  it('writes no row of the audit log, no fact of another runner, and answers nobody', async () => {
    await reflect('audit.login', encode({ kind: 'login', at: Date.now(), userId: 'owner', text: MARK }));
    await reflect(`runner.${ada.rid}.events`, encode({ type: 'runner_stopped', at: Date.now(), text: MARK }));
    await expectUnharmed();
    const trail = await ask(stage.url, '/api/audit?limit=500', { bearer: stage.token });
    expect(trail.status).toBe(200);
    expect(trail.text).not.toContain(MARK);
    const { runners } = (await ask(stage.url, '/api/runners', { bearer: stage.token })).json as {
      runners: { online: boolean }[];
    };
    expect(runners[0]).toMatchObject({ online: true });
    await expectUnharmed();
  });
});
