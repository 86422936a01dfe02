import type { SessionEvent } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { again, run, say, start, tidyUpAfterEach, withExtension } from '../../testing/human.js';

tidyUpAfterEach();

describe('the to-do list', () => {
  const todos = [{ text: 'Knead', status: 'done' }, { text: 'Bake' }];

  it('is shown, read by the model and there again after a restart', async () => {
    const before = await start();
    const { text, isError } = await run(before, 'todo', { todos });
    expect({ text, isError }).toEqual({ text: '[x] 1. Knead\n[ ] 2. Bake', isError: false });
    const { todoList } = await before.log.next('todo_updated');
    expect(todoList).toEqual([
      { id: 1, text: 'Knead', status: 'done' },
      { id: 2, text: 'Bake', status: 'pending' },
    ]);
    await before.session.dispose();
    const after = await again(before);
    expect(after.log.all('todo_updated').map((event) => event.todoList)).toEqual([todoList]);
    expect((await run(after, 'todo', {})).text).toBe(text);
  });
});

describe('the goal', () => {
  it('is counted turn by turn until the model says that it is met', async () => {
    const test = await start();
    const { log } = test;
    await say(test, '/goal bake a pizza --max-turns 9');
    await log.next('agent_end');
    expect(log.all('goal_updated')[0]!.goal).toMatchObject({
      description: 'bake a pizza',
      status: 'active',
      maxTurns: 9,
    });
    expect(log.all('goal_updated').at(-1)!.goal!.turnCount).toBe(2);
    expect(log.all('goal_updated').at(-1)!.goal!.tokenSpend).toBeGreaterThan(0);
    await run(test, 'goal', { status: 'met', reason: 'it is eaten' });
    expect(log.all('goal_updated').at(-1)!.goal).toMatchObject({ status: 'met', lastReason: 'it is eaten' });
    expect(await run(test, 'goal', { status: 'failed', reason: 'x' })).toMatchObject({ isError: true });
  });

  it('stops the agent at its limit', async () => {
    const test = await start();
    await say(test, '/goal bake --max-turns 1');
    await test.log.next('agent_end');
    expect(test.log.all('goal_updated').at(-1)!.goal).toMatchObject({ status: 'failed', turnCount: 1 });
    expect(test.log.all('message_end').at(-1)!.message).toMatchObject({ stopReason: 'aborted' });
  });
});

it('an MCP adapter that says how its servers started is passed on, nonsense is not', async () => {
  const report = { errors: [{ server: 'files', error: 'not found' }], totalDurationMs: 12 };
  const said = JSON.stringify({ type: 'mcp_startup_report', ...report });
  const agentDir = withExtension(`pi.on('session_start', () => {
    pi.events.emit('mcp:startup_report', { errors: 'many' });
    pi.events.emit('mcp:startup_report', ${said});
  })`);
  const { log } = await start({ agentDir });
  expect(log.all('mcp_startup_report').map((event) => event.report)).toEqual([report]);
});

it('all of it can be switched off', async () => {
  const test = await start({ human: false });
  expect(await run(test, 'todo', { todos: [] })).toEqual({ text: 'Tool todo not found', isError: true });
  const types: SessionEvent['type'][] = test.log.events.map((event) => event.type);
  expect(types).not.toContain('todo_updated');
});
