import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signalProcess } from '../../processes.js';
import { Rig, type Logged } from '../../testing/runnerHarness.js';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.startDaemon();
});

afterAll(async () => {
  await rig.close();
});

/** The id under which the agent's question waits, once the agent's file holds it. */
async function questionOf(sid: string): Promise<string> {
  const log = await rig.log(sid);
  const isPending = (event: Logged): event is Extract<Logged, { type: 'question_pending' }> =>
    event.type === 'question_pending';
  const { question } = await log.until(isPending);
  await log.until((event) => event.type === 'dialog_opened');
  while ((await rig.record(sid)).file === undefined) await pause(20);
  return question.toolCallId;
}

/** Answers by the question's own id, as a page does that sees no dialog beside it. */
async function answered(sid: string, dialogId: string): Promise<void> {
  const log = await rig.log(sid);
  const commandId = await rig.send('dialog_response', { dialogId, value: 'Gas' }, sid);
  expect(await rig.result(sid, commandId)).toMatchObject({ ok: true });
  const delivered = await log.until((event) => event.type === 'message_end' && textOf(event).includes('Answered: Gas'));
  await log.until((event) => event.type === 'agent_end' && event.seq > delivered.seq);
  const cleared = log.items.filter((event) => event.type === 'question_cleared');
  expect(cleared).toMatchObject([{ toolCallId: dialogId }]);
}

const textOf = (event: Logged) => JSON.stringify(event);
const prompt = `/demo call ask_user_question {"questions":[{"question":"Which oven?","options":["Wood","Gas"]}]}`;

describe('a question that waits', () => {
  it('is asked again by the worker after the one that was killed', async () => {
    const sid = await rig.newSession({ prompt });
    const id = await questionOf(sid);
    const log = await rig.log(sid);
    signalProcess((await rig.record(sid)).worker!.pid, 'SIGKILL');
    const { seq } = await log.until((event) => event.type === 'session_resumed');
    const again = await log.until((event) => event.type === 'question_pending' && event.seq > seq);
    expect(again).toMatchObject({ question: { toolCallId: id } });
    await answered(sid, id);
  });

  it('outlives the runner, and an answer wakes the session that asked', async () => {
    const sid = await rig.newSession({ prompt });
    const id = await questionOf(sid);
    const log = await rig.log(sid);
    await rig.endDaemon('SIGTERM');
    expect(log.items.some((event) => event.type === 'question_cleared')).toBe(false);
    await rig.startDaemon();
    await answered(sid, id);
  });
});
