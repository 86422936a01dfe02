import {
  defaultMetaState,
  initialSessionInfo,
  type DialogItem,
  type MessageItem,
  type SessionMetaState,
  type ViewerMode,
} from '@pizzapi/protocol';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { actionOf, TWICE_MS, type ClientKey, type KeySituation } from './keys.js';
import { loadViewState, saveViewState } from './viewState.js';
import { answerablePrompts, type AskStep } from './pending.js';
import { QueueNumbers } from './queueNumbers.js';
import { Receipts } from './receipts.js';
import { scrolled, topOf, type Anchor, type Rows } from './scroll.js';
import { helpText, parseEditorInput, SLASH_COMMANDS } from './slash.js';
import { blockedBy, namesFor, queueLines, short, statusLines } from './status.js';

describe('a key', () => {
  const idle: KeySituation = {
    focus: 'editor',
    both: false,
    written: false,
    canAbort: false,
    isEditing: false,
    sinceCtrlC: Number.POSITIVE_INFINITY,
  };
  it.each<[string, ClientKey, Partial<KeySituation>, string]>([
    ['the first ctrl+c only warns', 'ctrl+c', {}, 'warn'],
    ['the second leaves', 'ctrl+c', { sinceCtrlC: TWICE_MS }, 'quit'],
    ['a late one warns again', 'ctrl+c', { sinceCtrlC: TWICE_MS + 1 }, 'warn'],
    ['ctrl+c clears what is written, however fast', 'ctrl+c', { written: true, sinceCtrlC: 1 }, 'clear'],
    ['ctrl+d leaves an empty editor', 'ctrl+d', {}, 'quit'],
    ['ctrl+d deletes in one that is not', 'ctrl+d', { written: true }, 'pass'],
    ['ctrl+d in an answer is not for us', 'ctrl+d', { focus: 'question' }, 'pass'],
    ['esc stops an agent at work', 'escape', { canAbort: true }, 'abort'],
    [
      'esc leaves a message of the queue as it is, and does not stop the agent',
      'escape',
      { isEditing: true, canAbort: true },
      'cancel_edit',
    ],
    ['alt+up takes the last message back', 'alt+up', {}, 'take_back'],
    ['alt+up does not replace what is written', 'alt+up', { written: true }, 'pass'],
    ['esc does nothing to one at rest', 'escape', {}, 'pass'],
    ['esc dismisses a question before it stops anything', 'escape', { focus: 'question', canAbort: true }, 'pass'],
    ['tab goes over to a question', 'tab', { both: true }, 'switch'],
    ['alt+enter waits for the agent', 'alt+enter', { written: true }, 'follow_up'],
    ['q is a letter to who writes', 'q', {}, 'pass'],
    ['q leaves where nobody can write', 'q', { focus: 'nothing' }, 'quit'],
  ])('%s', (_name, key, situation, action) => {
    expect(actionOf(key, { ...idle, ...situation })).toBe(action);
  });
});

describe('what is typed', () => {
  it.each([
    ['hello', { kind: 'message', text: 'hello' }],
    ['/demo bash', { kind: 'message', text: '/demo bash' }],
    ['look at // this', { kind: 'message', text: 'look at // this' }],
    ['//model demo/demo ', { kind: 'slash', name: 'model', rest: 'demo/demo' }],
    ['//quit', { kind: 'slash', name: 'quit', rest: '' }],
    ['//quti', { kind: 'unknown', name: 'quti' }],
    ['//toString', { kind: 'unknown', name: 'toString' }],
    ['//', { kind: 'unknown', name: '' }],
  ])('%j is %j', (text, typed) => {
    expect(parseEditorInput(text)).toEqual(typed);
  });

  it('is explained, each command of it', () => {
    for (const name of Object.keys(SLASH_COMMANDS)) expect(helpText()).toContain(`//${name}`);
  });
});

describe('a window over the story', () => {
  const rowsOf = (...heights: [string, number][]): Rows => ({
    count: heights.length,
    idAt: (index) => heights[index]![0],
    heightAt: (index) => heights[index]![1],
    indexOf: (id) => heights.findIndex(([other]) => other === id),
  });
  const story = rowsOf(['a', 5], ['b', 1], ['c', 10]);
  const end: Anchor = { kind: 'end' };

  it('shows the end, and from the start what fits', () => {
    expect(topOf(end, story, 11)).toEqual({ index: 1, line: 0 });
    expect(topOf(end, story, 100)).toEqual({ index: 0, line: 0 });
    expect(topOf(end, rowsOf(), 10)).toEqual({ index: 0, line: 0 });
  });

  it('goes back and forth line by line, and follows again at the end', () => {
    const back = scrolled(end, story, 4, -8);
    expect(back).toEqual({ kind: 'at', id: 'a', line: 4 });
    expect(scrolled(back, story, 4, 7)).toEqual({ kind: 'at', id: 'c', line: 5 });
    expect(scrolled(back, story, 4, 8)).toEqual(end);
    expect(scrolled(back, story, 4, 800)).toEqual(end);
    expect(scrolled(back, story, 4, -800)).toEqual({ kind: 'at', id: 'a', line: 0 });
  });

  it('stays where it is when something comes before or after', () => {
    const longer = rowsOf(['z', 50], ['a', 5], ['b', 1], ['c', 10], ['d', 30]);
    expect(topOf({ kind: 'at', id: 'b', line: 0 }, longer, 4)).toEqual({ index: 2, line: 0 });
  });

  it('shows the end when what stood on top is gone, and its last line when it is shorter', () => {
    expect(topOf({ kind: 'at', id: 'gone', line: 3 }, story, 10)).toEqual({ index: 2, line: 0 });
    expect(topOf({ kind: 'at', id: 'b', line: 30 }, story, 4)).toEqual({ index: 1, line: 0 });
  });
});

describe('what waits for a person', () => {
  const dialog = (change: Partial<DialogItem>): DialogItem => ({
    ...{ kind: 'dialog', id: 'd1', seq: 1, at: 1, method: 'select', title: 'Which oven?', options: [], state: 'open' },
    ...change,
  });
  const asked = (meta: Partial<SessionMetaState>, dialogs: readonly DialogItem[] = [], mode: ViewerMode = 'owner') =>
    answerablePrompts(mode, { ...defaultMetaState(), ...meta }, dialogs);
  const stepAfter = ({ next }: AskStep, value: unknown): AskStep => {
    const outcome = next(value);
    if (outcome.kind !== 'ask') throw new Error('It asks nothing more');
    return outcome.step;
  };
  const question = { toolCallId: 'q1', questions: [{ question: 'Which oven?', options: ['Wood', 'Gas'] }] };

  it.each<[DialogItem['method'], Partial<DialogItem>, object]>([
    ['select', { options: ['Wood', 'Gas'] }, { choices: [{ value: 'Wood' }, { value: 'Gas' }] }],
    ['confirm', {}, { choices: [{ value: true }, { value: false }] }],
    ['input', { placeholder: 'x' }, { choices: [], write: { placeholder: 'x', long: false } }],
    ['editor', { prefill: 'y' }, { choices: [], write: { prefill: 'y', long: true } }],
  ])('is a %s of the host', (method, change, ask) => {
    expect(asked({}, [dialog({ method, ...change })])).toMatchObject([{ id: 'd1', ask }]);
  });

  it('is a question, with its options or in the person’s own words', () => {
    const [pending] = asked({ pendingQuestion: question });
    expect(pending).toMatchObject({ id: 'q1', ask: { choices: [{ value: 'Wood' }, { value: 'Gas' }], write: {} } });
    expect(pending!.next('Clay')).toEqual({ kind: 'answer', value: 'Clay' });
  });

  it('is several questions, asked one after the other and answered together', () => {
    const several = { toolCallId: 'q1', questions: [...question.questions, { question: 'Name?', options: [] }] };
    const [pending] = asked({ pendingQuestion: several });
    expect(pending!.ask).toMatchObject({ title: 'Which oven?', details: 'Question 1 of 2' });
    const second = stepAfter(pending!, 'Gas');
    expect(second.ask).toMatchObject({ title: 'Name?', choices: [] });
    expect(stepAfter(second, '  ').ask).toEqual(second.ask);
    expect(second.next(' Margherita ')).toEqual({ kind: 'answer', value: ['Gas', 'Margherita'] });
  });

  it('is a plan, to approve, to edit or to change', () => {
    const steps = [{ title: 'Knead' }, { title: 'Rest', description: 'a day' }];
    const [pending] = asked({ pendingPlan: { toolCallId: 'p1', title: 'Bake', steps } });
    expect(pending).toMatchObject({ id: 'p1', ask: { title: 'Bake', details: '1. Knead\n2. Rest\n   a day' } });
    const { choices } = pending!.ask;
    expect(choices.map(({ label }) => label)).toEqual(['Approve', 'Edit…', 'Cancel']);
    expect(pending!.next('approve')).toEqual({ kind: 'answer', value: 'approve' });
    const editing = stepAfter(pending!, choices[1]!.value);
    expect(editing.ask.write).toMatchObject({ long: true, prefill: '# Bake\n\n1. Knead\n2. Rest\n   a day' });
    expect(editing.next('# Fry')).toEqual({ kind: 'answer', value: { action: 'edit', text: '# Fry' } });
  });

  it('is a call with its command, to allow or to deny with a reason', () => {
    const fields = [{ key: 'c', label: 'command', value: 'rm x' }];
    const [pending] = asked({ pendingApproval: { promptId: 'a1', title: 'Allow?', fields } });
    const { details, choices } = pending!.ask;
    expect(details).toBe('command: rm x');
    expect(choices.map(({ label }) => label)).toEqual(['Approve', 'Deny', 'Deny with a reason…']);
    const reason = stepAfter(pending!, choices[2]!.value);
    expect(reason.next('Not that')).toEqual({ kind: 'answer', value: { action: 'deny', reason: 'Not that' } });
  });

  it('is for a guest what their link lets them answer, without the steps of the owner', () => {
    const pendingPlan = { toolCallId: 'p1', title: 'Bake' };
    const actions = ['approve', 'session', 'folder', 'deny'].map((id) => ({ id, label: id }));
    const pendingApproval = { promptId: 'a1', title: 'Allow?', actions };
    const dialogs = [
      dialog({ id: 'dq', options: ['Wood', 'Gas'], promptId: 'q1' }),
      dialog({ id: 'da', options: ['Allow once', 'Always allow in this folder: bash "x"'], promptId: 'a1' }),
      dialog({ id: 'dx', method: 'confirm', title: 'Sure?' }),
    ];
    const all = { pendingQuestion: question, pendingPlan, pendingApproval };
    const ids = (mode: ViewerMode) => asked(all, dialogs, mode).map(({ id }) => id);
    expect(ids('owner')).toEqual(['dx', 'q1', 'p1', 'a1']);
    expect(ids('read')).toEqual([]);
    expect(ids('collab')).toEqual(['q1']);
    expect(ids('approve')).toEqual(['q1', 'p1', 'a1']);
    const [, plan, approval] = asked(all, dialogs, 'approve');
    expect(plan!.ask.choices.map(({ label }) => label)).toEqual(['Approve', 'Cancel']);
    expect(approval!.ask.choices.map(({ label }) => label)).toEqual(['approve', 'deny', 'Deny with a reason…']);
  });
});

describe('the status', () => {
  const info = { ...initialSessionInfo('s1'), cwd: '/p', name: 'Pizza', model: 'demo/demo' };
  const meta = {
    ...defaultMetaState(),
    thinkingLevel: 'high',
    tokenUsage: {
      input: 1_234,
      output: 56_700,
      cacheRead: 0,
      cacheWrite: 0,
      cost: 0.5,
      contextTokens: 500,
      contextWindow: 200_000,
    },
  };

  it('says what session it is, how it is reached, what it costs and thinks with', () => {
    expect(statusLines({ info, meta, mode: 'read', viewers: 3, connection: 'Live' })).toEqual([
      { left: '/p · Pizza', right: 'read-only · 3 watching · Live' },
      { left: '↑1.2k ↓57k · $0.500 · 0.3% of 200k', right: 'demo/demo · thinking high' },
    ]);
  });

  it('says that the model of the session cannot be used, and how to choose another one', () => {
    const model = { provider: 'office', id: 'gone', problem: 'model_unknown' };
    const facts = { info, meta: { ...meta, model }, viewers: 1, connection: 'Live' };
    expect(statusLines({ ...facts, mode: 'owner' })[1]).toEqual({
      left: 'The runner has no model office/gone. Choose another one with //model',
      right: 'office/gone · thinking high',
    });
    expect(statusLines({ ...facts, mode: 'read' })[1].left).not.toContain('//model');
  });

  it('says which modes are on', () => {
    const goal = { id: 'g', description: 'Done', status: 'active' as const, turnCount: 0, tokenSpend: 0, costSpend: 0 };
    const right = (changes: Partial<typeof meta>) =>
      statusLines({ info, meta: { ...meta, ...changes }, mode: 'read', viewers: 1, connection: 'Live' })[1].right;
    expect(right({ planModeEnabled: true, approvals: 'ask', goal })).toBe(
      'demo/demo · thinking high · plan mode · asks for approval · goal',
    );
    expect(right({ approvals: 'allow', goal: { ...goal, status: 'met' } })).toBe('demo/demo · thinking high');
  });

  it.each([
    [999, '999'],
    [1_000, '1.0k'],
    [999_499, '999k'],
    [999_500, '1.0M'],
  ])('shortens %d to %s', (count, text) => {
    expect(short(count)).toBe(text);
  });

  it('says why nothing can be written', () => {
    expect(blockedBy('owner', info, false)).toBeUndefined();
    expect(blockedBy('owner', info, true)).toContain('ended');
    expect(blockedBy('read', info, false)).toContain('Read-only');
    expect(blockedBy('collab', { ...info, host: 'lost' }, false)).toContain('offline');
  });

  it('shows what is on its way once: sending, then as the log has it', () => {
    const by = { userId: 'g', via: 'collab', name: 'Grace' } as const;
    const received = { commandId: 'c1', text: 'one', deliverAs: 'steer', at: 1, by };
    const queue = { steering: ['one', 'typed elsewhere'], followUp: [] };
    const sent = [
      { text: 'one', commandId: 'c1' },
      { text: 'two', commandId: 'c2' },
      { text: 'three' },
      { text: 'four', commandId: 'c4', refused: 'Too late.' },
    ];
    const lines = queueLines({ pendingInputs: [received], queue }, sent, namesFor('me'));
    expect(lines.map(({ text }) => text)).toEqual([
      'Queued for the next step: typed elsewhere',
      'Queued for the next step (Grace): one',
      'Sent: two',
      'Sending: three',
      'Not delivered: four · Too late.',
    ]);
    expect(lines.map(({ bad }) => bad)).toEqual([false, false, false, false, true]);
  });

  it('shows the queue of its host in the order in which the agent will read it, with numbers that stay', () => {
    const inputs = ['a', 'b', 'c'].map((id) => ({ commandId: id, text: `text ${id}`, deliverAs: 'prompt', at: 1 }));
    const items = ['b', 'a'].map((commandId) => ({ commandId, deliverAs: 'followUp' as const }));
    const numbers = new QueueNumbers();
    const lines = () => {
      numbers.update(items.map(({ commandId }) => commandId));
      const queue = { steering: [], followUp: [], items };
      return queueLines({ pendingInputs: inputs, queue }, [], namesFor('me'), numbers.of).map(({ text }) => text);
    };
    expect(lines()).toEqual([
      '1. Queued until the agent is done: text b',
      '2. Queued until the agent is done: text a',
      'Queued: text c',
    ]);
    items.reverse();
    expect(
      lines()
        .slice(0, 2)
        .map((line) => line.slice(0, 2)),
    ).toEqual(['2.', '1.']);
    expect(numbers.commandOf(1)).toBe('b');
    items.splice(1, 1, { commandId: 'c', deliverAs: 'followUp' });
    expect(lines().map((line) => line.slice(0, 2))).toEqual(['2.', '3.', 'Qu']);
    expect([1, 2, 3].map((number) => numbers.commandOf(number))).toEqual([undefined, 'a', 'c']);
  });

  it('names an author only where it is somebody else', () => {
    const nameOf = namesFor('me');
    for (const via of ['owner', 'api', 'terminal'] as const) {
      expect(nameOf({ userId: 'me', via, name: 'Me' })).toBeUndefined();
      expect(nameOf({ userId: 'ada', via, name: 'Ada' })).toBe('Ada');
    }
    expect(nameOf({ userId: 'me', via: 'collab' })).toBe('a guest');
    expect(nameOf({ userId: 'me', via: 'agent' })).toBe('another session');
  });
});

describe('a receipt', () => {
  const base = { id: 'd1', seq: 1, at: 1 };
  const dialog: DialogItem = { ...base, kind: 'dialog', method: 'confirm', title: 'Sure?', options: [], state: 'open' };
  const ada = { userId: 'a', via: 'owner', name: 'Ada' } as const;
  const late = { code: 'dialog_late', message: 'Somebody answered first.' };

  it('stands beside what was sent from here, once the agent has it', () => {
    const receipts = new Receipts(namesFor('me'));
    receipts.sent('c1');
    const user = { role: 'user', blocks: [], open: false, broken: false };
    const message: MessageItem = { ...base, kind: 'message', ...user };
    expect(receipts.noteOf({ ...message, commandId: 'c1' })).toMatchObject({ text: '✓ delivered' });
    expect(receipts.noteOf({ ...message, commandId: 'c2' })).toBeUndefined();
    expect(receipts.noteOf(message)).toBeUndefined();
  });

  it('says that an answer came too late, to the question or to a step of it', () => {
    const receipts = new Receipts(namesFor('me'));
    receipts.answerRefused('p1', late);
    const closed = { ...dialog, state: 'answered', by: ada, promptId: 'p1' } as const;
    expect(receipts.noteOf(closed)).toMatchObject({ text: 'Too late: Ada already answered.', tint: 'warning' });
    expect(receipts.noteOf({ ...closed, promptId: 'p2' })).toBeUndefined();
    expect(receipts.noteOf({ ...closed, state: 'open' })).toBeUndefined();
  });

  it.each<[Partial<DialogItem>, string]>([
    [{ state: 'answered', by: ada }, 'Ada already answered'],
    [{ state: 'answered', by: { userId: 'me', via: 'owner' } }, 'it was already answered in another client'],
    [{ state: 'cancelled', by: { userId: 'g', via: 'collab' } }, 'a guest already closed it'],
    [{ state: 'cancelled', by: { userId: 's', via: 'system' } }, 'it was already closed'],
    [{ state: 'timed_out' }, 'it expired without an answer'],
    [{ state: 'settled' }, 'the agent no longer waits for it'],
  ])('knows how %j ended', (how, text) => {
    expect(new Receipts(namesFor('me')).closedText({ ...dialog, ...how })).toBe(text);
  });

  it('says why an answer was refused for another reason', () => {
    const receipts = new Receipts(namesFor('me'));
    expect(receipts.refusalText({ code: 'command_expired', message: 'It waited too long.' }, dialog)).toBe(
      'Not delivered: It waited too long.',
    );
    expect(receipts.refusalText(late, undefined)).toBe('Too late: the agent no longer waits for it.');
  });
});

describe('where somebody was', () => {
  it('is kept for them alone, and forgotten when it cannot be read', () => {
    const home = mkdtempSync(join(tmpdir(), 'pizzapi-memory-'));
    try {
      const file = join(home, 'attach', 's1.json');
      const memory = { draft: 'half a', history: ['one'], anchor: { kind: 'at', id: 'm', line: 2 } } as const;
      saveViewState(home, 's1', { ...memory, history: [...memory.history] });
      expect(loadViewState(home, 's1')).toEqual(memory);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      writeFileSync(file, '{"draft":1,"history":[2],"anchor":{"id":3}}');
      const nothing = { draft: '', history: [], anchor: { kind: 'end' } };
      expect(loadViewState(home, 's1')).toEqual(nothing);
      writeFileSync(file, 'nonsense');
      expect(loadViewState(home, 's1')).toEqual(nothing);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });
});
