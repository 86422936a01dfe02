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
