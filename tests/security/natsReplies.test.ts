import { COMMANDS_STREAM, SESSIONS_STREAM, streamHead } from '@pizzapi/backbone';
import { encode, type SessionInfo } from '@pizzapi/protocol';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stage } from '../support/local.js';
import { connectTo, readLog } from '../support/log.js';
import { until } from '../support/until.js';
import { newSession } from '../support/viewer.js';
import { ask } from './support/http.js';
import { join, type OpenSocket } from './support/socket.js';
import { startTwoHosts, type TwoHosts } from './support/twoHosts.js';

let relay: TwoHosts;
let stage: Stage;
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
 * A client may name any subject for its replies, and the server publishes them there without asking whether the client
 * might: an acknowledgement, or a stored message, which is the client's own words.
 */
describe('(14) what a host has the server say on another’s subject', () => {
  const MARK = 'words of Eve';
  let count = 0;

  /** Has the server publish this payload, with these headers, on `target`. */
  async function reflect(target: string, value: object, headers = ''): Promise<void> {
    const own = '$KV.leases.session.eves-session';
    expect(await raw.session.publish(own, encode(value), '', headers)).toBe('ok');
    await raw.session.publish(`$JS.API.DIRECT.GET.KV_leases.${own}`, '', target);
    // An acknowledgement too, which is no message of ours at all.
    await raw.session.publish(own, encode({ epoch: 1, at: ++count }), target);
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
  const forged = (epoch: number) => ({
    value: {
      type: 'input_received',
      at: Date.now(),
      commandId: `c${epoch}`,
      text: MARK,
      by: { userId: 'owner', via: 'owner' },
    },
    headers: [
      `Nats-Msg-Id: ${ada.sid}.${epoch}.${++count}`,
      'Pizzapi-Type: input_received',
      `Pizzapi-Epoch: ${epoch}`,
      'Pizzapi-N: 1',
      'Content-Type: application/msgpack',
      `Nats-Subject: session.${ada.sid}.events`,
      'Nats-Sequence: 1000000',
      'Nats-Last-Sequence: 0',
    ].join('\r\n'),
  });

  it('comes to lie there: nothing here would be worth a test otherwise', async () => {
    const auditor = await connectTo(stage, 'auditor');
    for (const [stream, subject] of [
      [SESSIONS_STREAM, `session.${ada.sid}.events`],
      [COMMANDS_STREAM, `runner.${ada.rid}.cmd`],
    ] as const) {
      const before = await streamHead(auditor, stream);
      await reflect(subject, { nothing: true });
      await until(`${stream} grows`, async () => (await streamHead(auditor, stream)) >= before + 2);
    }
    await auditor.close();
  });

  it('is no event of that session, neither in its log nor live', async () => {
    for (const epoch of [0, 1, 1_000_000]) {
      const { value, headers } = forged(epoch);
      await reflect(`session.${ada.sid}.events`, value, headers);
      await reflect(`live.session.${ada.sid}.events`, value, headers);
    }
    await delay(300);
    await expectUnharmed();
  });

  it('is no piece of that session', async () => {
    for (let n = 1; n < 5; n++)
      await reflect(`session.${ada.sid}.deltas`, {
        type: 'text_delta',
        at: 0,
        n,
        messageId: 'm',
        index: 0,
        text: MARK,
      });
    await delay(300);
    await expectUnharmed();
  });

  it('is no command to that runner', async () => {
    const proof = path.join(stage.project, 'eve-was-here');
    const now = Date.now();
    const common = { by: { userId: 'owner', via: 'owner' }, at: now, expiresAt: now + 60_000 };
    const headers = (id: string, type: string) =>
      [`Nats-Msg-Id: ${id}`, `Pizzapi-Type: ${type}`, 'Content-Type: application/msgpack'].join('\r\n');
    const target = `runner.${ada.rid}.cmd`;
    const exec = {
      ...common,
      commandId: 'eve1',
      name: 'exec',
      sessionId: ada.sid,
      args: { command: `touch ${proof}` },
    };
    await reflect(target, exec, headers('eve1', 'exec'));
    const args = { sessionId: 'eves-on-ada', cwd: stage.project, model: 'demo/demo', prompt: MARK };
    await reflect(target, { ...common, commandId: 'eve2', name: 'new_session', args }, headers('eve2', 'new_session'));
    await reflect(target, { ...common, commandId: 'eve3', name: 'shutdown', args: {} }, headers('eve3', 'shutdown'));
    await expectUnharmed();
    await delay(500);
    expect(existsSync(proof)).toBe(false);
    const { sessions } = (await ask(stage.url, '/api/sessions', { bearer: stage.token })).json as {
      sessions: SessionInfo[];
    };
    expect(sessions.map(({ sessionId }) => sessionId)).not.toContain('eves-on-ada');
  });

  it('is no question to the desk, neither in another’s name nor in a gateway’s', async () => {
    await reflect('desk.purge', { sid: ada.sid });
    await reflect(`desk.session.${ada.sid}`, { verb: 'claim' });
    await reflect(`desk.runner.${ada.rid}`, { verb: 'claim', sid: ada.sid });
    await delay(500);
    await expectUnharmed();
    const first = await ask(stage.url, `/api/sessions/${ada.sid}/events?limit=1`, { bearer: stage.token });
    expect(first.text).toContain('session_started');
  });

  it('takes no lease from its holder, and keeps nobody from learning of others', async () => {
    for (const key of [`session.${ada.sid}`, `runner.${ada.rid}`, 'projector', 'session.nobodys']) {
      await reflect(`$KV.leases.${key}`, { epoch: 1_000_000, at: Date.now() });
      await reflect(`$KV.leases.${key}`, { epoch: 'x' });
    }
    await delay(500);
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

  it('writes no row of the trail, no fact of another runner, and answers nobody', async () => {
    await reflect('audit.login', { kind: 'login', at: Date.now(), userId: 'owner', text: MARK });
    await reflect(`runner.${ada.rid}.events`, { type: 'runner_stopped', at: Date.now(), text: MARK });
    await delay(500);
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
