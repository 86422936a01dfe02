import { describe, expect, it } from 'vitest';
import { readApproval } from './approvals.js';
import { afterTurn, newGoal, parseGoalCommand, settleGoal } from './goals.js';
import { openPrompts, OPENED_ENTRY, promptId, SETTLED_ENTRY, type PendingPrompt } from './pending.js';
import { planModeProblem, readVerdict } from './plans.js';
import { rateLimitsOf, withLimits } from './providerUsage.js';
import { answersText, readAnswers } from './questions.js';
import { toTodoList } from './todos.js';

describe('a goal', () => {
  const goal = newGoal('g1', 'Bake', { maxTurns: 2, maxCost: 1 });

  it('is set with limits anywhere in the text', () => {
    expect(parseGoalCommand('')).toEqual({ kind: 'show' });
    expect(parseGoalCommand(' cancel ')).toEqual({ kind: 'cancel' });
    expect(parseGoalCommand('bake --max-turns 3 a pizza --max-cost 0.5')).toEqual({
      kind: 'set',
      description: 'bake a pizza',
      limits: { maxTurns: 3, maxCost: 0.5 },
    });
    expect(parseGoalCommand('bake --max-turns soon').kind).toBe('invalid');
    expect(parseGoalCommand('--max-turns 3').kind).toBe('invalid');
  });

  it('adds up its turns and ends at the first limit it reaches', () => {
    const once = afterTurn(goal, { tokens: 10, cost: 0.1 });
    expect(once).toMatchObject({ status: 'active', turnCount: 1, tokenSpend: 10, costSpend: 0.1 });
    expect(afterTurn(once, { tokens: 1, cost: 0 })).toMatchObject({ status: 'failed', turnCount: 2 });
    expect(afterTurn(goal, { tokens: 1, cost: 2 })).toMatchObject({ lastReason: 'its 1 USD are used up' });
  });

  it('stays as it ended', () => {
    const met = settleGoal(goal, 'met', 'eaten');
    expect(met).toMatchObject({ status: 'met', lastReason: 'eaten' });
    expect(afterTurn(met, { tokens: 1, cost: 1 })).toBe(met);
    expect(settleGoal(met, 'failed', 'late')).toBe(met);
  });
});

describe('what waits for a person', () => {
  const prompt = (id: string): PendingPrompt => ({ kind: 'question', id, questions: [] });
  const opened = (id: string, sessionId = 's1') => ({
    customType: OPENED_ENTRY,
    data: { sessionId, prompt: prompt(id) },
  });
  const settled = (id: string) => ({ customType: SETTLED_ENTRY, data: { id } });

  it('is what was opened in this session and not settled', () => {
    const broken = { customType: OPENED_ENTRY, data: { sessionId: 's1', prompt: { kind: 'plan', id: 'd', plan: {} } } };
    const entries = [
      opened('a'),
      opened('b'),
      opened('c', 'other'),
      settled('a'),
      { customType: 'x', data: 1 },
      broken,
    ];
    expect(openPrompts(entries, 's1')).toEqual([prompt('b')]);
  });

  it('has the id of its tool call, or always the same one in its stead', () => {
    expect(promptId('call_1')).toBe('call_1');
    const long = promptId('call_1|fc_2');
    expect(long).toMatch(/^call_[0-9a-f]{32}$/);
    expect(promptId('call_1|fc_2')).toBe(long);
    expect(promptId('call_1|fc_3')).not.toBe(long);
  });
});

describe('answers that name the prompt itself', () => {
  it('to questions are a text for one and as many texts as there are questions', () => {
    const one = [{ question: 'A?', options: ['x'] }];
    expect(readAnswers(one, 'y')).toEqual({ kind: 'answers', answers: ['y'] });
    expect(readAnswers(one, ' ')).toBeUndefined();
    const two = [...one, { question: 'B?', options: [] }];
    expect(readAnswers(two, 'y')).toBeUndefined();
    expect(answersText(two, readAnswers(two, ['y', 'z']))).toBe('Answered:\n- A?\n  y\n- B?\n  z');
  });

  it('to a plan are a verdict, or what to change', () => {
    expect(readVerdict('approve')).toEqual({ kind: 'approve' });
    expect(readVerdict('reject')).toEqual({ kind: 'cancel' });
    expect(readVerdict('smaller steps')).toEqual({ kind: 'change', text: 'smaller steps' });
    expect(readVerdict({ action: 'edit', text: 'new' })).toEqual({ kind: 'edit', text: 'new' });
    expect(readVerdict(5)).toBeUndefined();
  });

  it('to an approval are the id of an action, or a reason against it', () => {
    const rules = [{ tool: 'write', decision: 'allow' as const }];
    expect(readApproval(rules, 'folder')).toEqual({ kind: 'folder' });
    expect(readApproval([], 'folder')).toBeUndefined();
    expect(readApproval([], 'whatever')).toBeUndefined();
    expect(readApproval([], { action: 'deny', reason: 'no' })).toEqual({ kind: 'deny', reason: 'no' });
  });
});

it('plan mode lets through what only reads, and says why of the rest', () => {
  const bash = (command: string, guardsReads = true) =>
    planModeProblem({ tool: 'bash', input: { command } }, guardsReads);
  expect(planModeProblem({ tool: 'read', input: {} }, false)).toBeUndefined();
  expect(bash('ls | grep x', false)).toBeUndefined();
  expect(bash('git status')).toBeUndefined();
  expect(bash('git status', false)).toContain('an extension replaces bash');
  expect(bash('rm x')).toContain('"rm x" is not known to only read');
  expect(planModeProblem({ tool: 'write', input: {} }, true)).toContain('Plan mode is on');
  expect(planModeProblem({ tool: 'mcp_deploy', input: {} }, true)).toContain('Plan mode is on');
});

it('every to-do has an id of its own, and keeps the one it has', () => {
  const list = toTodoList([{ text: 'a' }, { id: 2, text: 'b', status: 'done' }, { id: 2, text: 'c' }]);
  expect(list.map(({ id, status }) => [id, status])).toEqual([
    [3, 'pending'],
    [2, 'done'],
    [4, 'pending'],
  ]);
});

it('the limits of a provider are what its headers say', () => {
  const headers = {
    'X-RateLimit-Remaining-Tokens': '1200',
    'anthropic-ratelimit-unified-5h-reset': '2026-01-01T00:00:00Z',
    'retry-after': '3',
    'content-type': 'x',
  };
  const limits = rateLimitsOf(headers)!;
  expect(limits).toEqual({ 'remaining-tokens': 1200, 'unified-5h-reset': '2026-01-01T00:00:00Z', 'retry-after': 3 });
  expect(rateLimitsOf({ 'content-type': 'x' })).toBeUndefined();
  expect(withLimits({ a: { at: 1 } }, 'b', limits, 5)).toEqual({ a: { at: 1 }, b: { ...limits, at: 5 } });
});
