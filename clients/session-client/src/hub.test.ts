import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultMetaState, initialRunnerInfo, initialSessionInfo } from '@pizzapi/protocol';
import { WebSocket } from 'ws';
import { openHub, openRunners, type Hub, type Runners } from './index.js';
import { SID, ScriptedGateway } from './testing/scriptedGateway.js';

let gateway: ScriptedGateway;
let hub: Hub | Runners | undefined;

beforeEach(async () => {
  gateway = await new ScriptedGateway().listen();
});
afterEach(async () => {
  hub?.close();
  await gateway.stop();
});

function until(list: Hub | Runners, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (condition()) resolve();
    };
    list.subscribe(check);
    check();
  });
}
const options = () => ({ url: gateway.url, WebSocket, random: () => 0 });

describe('the hub', () => {
  it('lists the sessions and follows their changes', async () => {
    const list = (hub = openHub(options()));
    await until(list, () => list.sessions.has(SID));
    gateway.send(
      { type: 'session_added', session: initialSessionInfo('s2') },
      { type: 'session_status', session: { ...initialSessionInfo(SID), state: 'working' } },
    );
    await until(list, () => list.sessions.has('s2'));
    expect(list.sessions.get(SID)?.state).toBe('working');
    gateway.send({ type: 'session_removed', sessionId: 's2' });
    await until(list, () => !list.sessions.has('s2'));
    expect(list.connection.sentence).toBe('Live');
  });

  it('asks for the meta states it watches again on a new connection', async () => {
    const list = (hub = openHub(options()));
    await until(list, () => list.connection.state.kind === 'live');
    list.watchMeta(SID);
    await expect.poll(() => gateway.received).toHaveLength(1);
    gateway.drop();
    await expect.poll(() => gateway.received).toHaveLength(2);
    expect(gateway.received[1]).toEqual({ type: 'subscribe_session_meta', sessionId: SID });
  });

  it('folds meta events by version, and asks for the state again when one was missed', async () => {
    const list = (hub = openHub(options()));
    await until(list, () => list.connection.state.kind === 'live');
    const stop = list.watchMeta(SID);
    const plan = (version: number, enabled: boolean) =>
      ({ type: 'meta_event', sessionId: SID, version, event: { type: 'plan_mode_toggled', at: 1, enabled } }) as const;
    gateway.send({ type: 'state_snapshot', sessionId: SID, state: defaultMetaState() }, plan(1, true));
    await until(list, () => list.meta(SID)?.version === 1);
    expect(list.meta(SID)?.planModeEnabled).toBe(true);
    gateway.send(plan(1, false), plan(3, false));
    await expect.poll(() => gateway.received).toHaveLength(2);
    expect(list.meta(SID)).toMatchObject({ planModeEnabled: true, version: 1 });
    stop();
    expect(list.meta(SID)).toBeUndefined();
  });
});

describe('a list of more than one page', () => {
  const page = (cursor: string | undefined, ...ids: string[]) => ({
    type: 'sessions' as const,
    sessions: ids.map((sid) => initialSessionInfo(sid)),
    ...(cursor === undefined ? {} : { cursor }),
  });
  const named = (sessionId: string, name: string) => ({ ...initialSessionInfo(sessionId), name });
  const ids = (list: Hub) => [...list.sessions.keys()].sort();
  async function start(): Promise<Hub> {
    const list = openHub(options());
    hub = list;
    await until(list, () => list.connection.state.kind === 'live');
    gateway.send(page('c1', 's1', 's2'));
    await until(list, () => list.cursor === 'c1');
    list.dropUnconfirmed();
    return list;
  }

  it('takes what was fetched, but what the hub has sent about a session is newer', async () => {
    const list = await start();
    gateway.send({ type: 'session_status', session: named('s3', 'new') }, { type: 'session_removed', sessionId: 's4' });
    await until(list, () => list.sessions.has('s3'));
    expect(list.add([named('s3', 'old'), named('s4', 'gone'), named('s5', 'far')], list.lists)).toBe(true);
    expect(ids(list)).toEqual(['s1', 's2', 's3', 's5']);
    expect(list.sessions.get('s3')!.name).toBe('new');
  });

  it('keeps what was fetched over a new connection until it is fetched again, and drops what is gone then', async () => {
    const list = await start();
    const before = list.lists;
    list.add([named('s3', 'old'), named('s4', 'old')], before);
    gateway.send(page('c2', 's1', 's6'));
    await until(list, () => list.cursor === 'c2');
    expect(ids(list)).toEqual(['s1', 's2', 's3', 's4', 's6']);
    // A page of the connection before says nothing about this one.
    expect(list.add([named('s7', 'late')], before)).toBe(false);
    list.add([named('s3', 'changed')], list.lists);
    list.dropUnconfirmed();
    expect(ids(list)).toEqual(['s1', 's3', 's6']);
    expect(list.sessions.get('s3')!.name).toBe('changed');
    // A gateway that sends all sessions at once leaves nothing to fetch.
    gateway.send(page(undefined, 's1'));
    await until(list, () => list.sessions.size === 1);
    expect(list.cursor).toBeUndefined();
  });
});

describe('the list of runners', () => {
  it('follows its changes', async () => {
    const list = (hub = openRunners(options()));
    await until(list, () => list.connection.state.kind === 'live');
    gateway.send({ type: 'runner_added', runner: { ...initialRunnerInfo('r1'), online: true } } as never);
    await until(list, () => list.runners.get('r1')?.online === true);
    gateway.send({ type: 'runner_removed', runnerId: 'r1' } as never);
    await until(list, () => list.runners.size === 0);
  });
});
