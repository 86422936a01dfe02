import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SESSION_EVENT_TYPES } from '../events.js';
import type { RunnerInfo } from '../info.js';
import { applyRunnerInfo, initialRunnerInfo } from './runnerInfo.js';
import { applySessionInfo, initialSessionInfo } from './sessionInfo.js';

const started = {
  type: 'session_started',
  at: 10,
  cwd: '/w',
  name: '',
  model: 'demo/demo',
  runnerId: 'r',
  userId: 'owner',
  epoch: 3,
  piVersion: '0.73.1',
};
const fold = (...events: unknown[]) =>
  events.reduce(
    (info: ReturnType<typeof initialSessionInfo>, event) => applySessionInfo(info, event),
    initialSessionInfo('s'),
  );

describe('session info', () => {
  it('a session has a parent until one of the two ends the link', () => {
    const child = { ...started, parentSessionId: 'p' };
    expect(fold(child).parentSessionId).toBe('p');
    expect(fold(child, { type: 'session_unlinked', at: 11, sessionId: 'other' }).parentSessionId).toBe('p');
    expect(fold(child, { type: 'session_unlinked', at: 11, sessionId: 'p' }).parentSessionId).toBeUndefined();
    expect(fold(child, { type: 'delink_own_parent', at: 11 }).parentSessionId).toBeUndefined();
  });

  it('a session does not wait for a person while a child session asks its agent', () => {
    const trigger = { type: 'trigger_received', at: 11, triggerId: 't', kind: 'ask_user_question', sessionId: 'c' };
    expect(fold(started, trigger)).toMatchObject({ state: 'idle', waiting: [] });
  });

  it('a session whose host was stopped or died at work is interrupted until the agent begins again or it ends', () => {
    const resumed = { type: 'session_resumed', at: 30, epoch: 4 };
    const died = [started, { type: 'agent_start', at: 20 }, resumed];
    expect(fold(...died)).toMatchObject({ state: 'idle', interrupted: true });
    const stopped = [started, { type: 'agent_start', at: 20 }, { type: 'run_interrupted', at: 25 }];
    expect(fold(...stopped, { type: 'agent_end', at: 26 }, resumed)).toMatchObject({
      state: 'idle',
      interrupted: true,
    });
    expect(fold(...died, { type: 'agent_end', at: 31 }).interrupted).toBeUndefined();
    expect(fold(...died, { type: 'agent_start', at: 40 }).interrupted).toBeUndefined();
    expect(fold(...died, { type: 'session_ended', at: 40, reason: 'killed' }).interrupted).toBeUndefined();
    expect(fold(started, resumed).interrupted).toBeUndefined();
  });

  it('a session states the pi that it runs on, also after it was resumed on another one', () => {
    const first = { name: '@mariozechner/pi-coding-agent', version: '0.73.1', node: '20.20.2', tested: true };
    const second = { name: '@earendil-works/pi-coding-agent', version: '1.6.0', node: '22.23.5', tested: true };
    expect(fold(started).pi).toBeUndefined();
    expect(fold({ ...started, pi: first }).pi).toEqual(first);
    const resumed = { type: 'session_resumed', at: 30, epoch: 4 };
    expect(fold({ ...started, pi: first }, resumed).pi).toEqual(first);
    expect(fold({ ...started, pi: first }, { ...resumed, pi: second })).toMatchObject({
      pi: second,
      piVersion: '1.6.0',
    });
  });

  it.each([
    ['a path', { path: '/home/ada/pi' }, { name: 'pi', version: '1', node: '22', tested: false }],
    ['a long version', { version: 'x'.repeat(65) }, undefined],
    ['a number for a version', { version: 1 }, undefined],
  ])('the row of a session leaves out %s of its pi', (_what, fields, expected) => {
    const pi = { name: 'pi', version: '1', node: '22', tested: false, ...fields };
    expect(fold({ ...started, pi }).pi).toEqual(expected);
  });

  it('a runner states its pi until a runner of an earlier version starts in its place', () => {
    const event = {
      ...{
        type: 'runner_started',
        at: 1,
        name: 'r',
        kind: 'daemon',
        version: '1',
        piVersion: '1.6.0',
        platform: 'linux',
      },
      ...{ roots: [], models: [], defaultModel: '', maxSessions: 1, epoch: 1 },
    };
    const pi = { name: 'pi', version: '1.6.0', path: '/pi', node: '22.23.5', source: 'path', tested: true };
    const info = applyRunnerInfo(initialRunnerInfo('r'), { ...event, pi });
    expect(info.pi).toEqual(pi);
    expect(applyRunnerInfo(info, event).pi).toBeUndefined();
    const updated = { ...pi, version: '1.7.0' };
    const change = { type: 'pi_changed', at: 2, piVersion: '1.7.0', pi: updated };
    expect(applyRunnerInfo(info, change)).toMatchObject({ piVersion: '1.7.0', pi: updated });
    const long = { ...pi, path: '/'.repeat(1_025) };
    expect(applyRunnerInfo(initialRunnerInfo('r'), { ...event, pi: long }).startedAt).toBe(0);
  });

  it('the last activity of a session is not changed by its waking', () => {
    const woken = [
      { type: 'session_resumed', at: 90, epoch: 4 },
      { type: 'model_changed', at: 91, model: { provider: 'demo', id: 'demo' } },
      { type: 'thinking_level_changed', at: 92, level: 'off' },
      {
        type: 'token_usage_updated',
        at: 93,
        tokenUsage: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, cost: 0 },
      },
      { type: 'dialog_opened', at: 94, dialogId: 'd', method: 'widget', title: '', key: 'clock' },
      { type: 'queue_update', at: 95, steering: [], followUp: [] },
      { type: 'approvals_changed', at: 95, mode: 'ask' },
      { type: 'command_result', at: 96, commandId: 'c', ok: true, name: 'attach_session' },
    ];
    expect(fold(started, { type: 'agent_end', at: 20 }, ...woken).lastActivityAt).toBe(20);
    expect(fold(started, ...woken, { type: 'agent_start', at: 97 }).lastActivityAt).toBe(97);
  });

  it('the first message that is no slash command is the one that names the session', () => {
    const says = (text: string) => ({ type: 'message_end', at: 11, message: { role: 'user', content: text } });
    expect(fold(started, says('/demo help')).firstPrompt).toBe('/demo help');
    const worked = fold(started, says('/demo help'), says('Bake a pizza'), says('And another one'), says('/demo todo'));
    expect(worked).toMatchObject({ firstPrompt: 'Bake a pizza', name: '', messages: 4 });
    expect(fold(started, { type: 'session_info_changed', at: 12, name: 'Oven' }, says('Bake')).name).toBe('Oven');
  });

  it('the session info lists the modes that are on', () => {
    const goal = (status: string) => ({ type: 'goal_updated', at: 11, goal: { id: 'g', description: 'Done', status } });
    const asks = (mode: string) => ({ type: 'approvals_changed', at: 11, mode });
    const plans = (enabled: boolean) => ({ type: 'plan_mode_toggled', at: 11, enabled });
    expect(fold(started).modes).toBeUndefined();
    expect(fold(started, goal('active'), asks('ask'), plans(true)).modes).toEqual(['plan', 'approvals', 'goal']);
    expect(fold(started, goal('active'), asks('ask'), plans(true), goal('met')).modes).toEqual(['plan', 'approvals']);
    expect(fold(started, asks('ask'), { type: 'session_resumed', at: 12, epoch: 4 }).modes).toEqual(['approvals']);
    expect(fold(started, asks('ask'), plans(true), plans(false), asks('allow')).modes).toBeUndefined();
  });

  it('the session info follows a session through its states', () => {
    expect(fold(started).state).toBe('idle');
    expect(fold(started, { type: 'agent_start', at: 11 }).state).toBe('working');
    const dialog = { type: 'dialog_opened', at: 12, dialogId: 'd', method: 'confirm', title: 'Sure?' };
    expect(fold(started, { type: 'agent_start', at: 11 }, dialog).state).toBe('waiting');
    expect(
      fold(started, { type: 'agent_start', at: 11 }, dialog, { type: 'dialog_resolved', at: 13, dialogId: 'd' }).state,
    ).toBe('working');
    expect(fold(started, { type: 'session_ended', at: 14, reason: 'killed' })).toMatchObject({
      state: 'ended',
      endReason: 'killed',
      endedAt: 14,
    });
  });

  it('a session that resumes is not ended and its agent is not busy', () => {
    const info = fold(
      started,
      { type: 'agent_start', at: 11 },
      { type: 'session_ended', at: 12, reason: 'host_lost' },
      { type: 'session_resumed', at: 13, epoch: 9 },
    );
    expect(info).toMatchObject({ state: 'idle', epoch: 9 });
    expect(info.endedAt).toBeUndefined();
  });

  it('a notice does not make a session wait for a person', () => {
    expect(fold(started, { type: 'dialog_opened', at: 1, dialogId: 'd', method: 'notify', title: 'hi' }).state).toBe(
      'idle',
    );
  });

  it('the session info keeps the first input as one line', () => {
    const prompt = (text: string) => ({
      type: 'message_end',
      at: 1,
      messageId: 'm',
      message: { role: 'user', content: [{ type: 'text', text }] },
    });
    expect(fold(started, prompt('fix\n the  bug'), prompt('more')).firstPrompt).toBe('fix the bug');
  });

  it('the session info lists the guests who had the session started, and the guests for whom its agent works, until the session ends or restarts', () => {
    const bob = { shareId: 'sh_1', sessionId: 'p', name: 'Bob' };
    const by = { ...started, startedBy: [bob] };
    expect(fold(by).startedBy).toEqual([bob]);
    expect(fold(started)).not.toHaveProperty('startedBy');
    const atWork = { type: 'guests_at_work', at: 1, guests: [bob] };
    expect(fold(by, atWork).guestsAtWork).toEqual([bob]);
    for (const after of [
      { ...atWork, guests: [] },
      { type: 'session_resumed', at: 2, epoch: 2 },
      { type: 'session_ended', at: 2, reason: 'killed' },
    ])
      expect(fold(by, atWork, after)).toMatchObject({ startedBy: [bob], guestsAtWork: undefined });
  });

  it('the session info fold is total over any input', () => {
    const type = fc.constantFrom(...SESSION_EVENT_TYPES, 'from_the_future');
    const event = fc.oneof(
      fc.jsonValue(),
      fc.tuple(type, fc.dictionary(fc.string(), fc.jsonValue())).map(([t, rest]) => ({ ...rest, type: t })),
    );
    fc.assert(
      fc.property(fc.array(event), (events) => {
        expect(fold(...events).sessionId).toBe('s');
        expect(events.reduce((info: RunnerInfo, e) => applyRunnerInfo(info, e), initialRunnerInfo('r')).runnerId).toBe(
          'r',
        );
      }),
    );
  });
});
