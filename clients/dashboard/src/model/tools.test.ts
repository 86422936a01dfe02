import type { ToolBlock } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { diffTexts, parsePiDiff } from './diff.js';
import { argsOf, diffOf, outputOf, summarize } from './tools.js';

const block = (fields: Partial<ToolBlock>): ToolBlock => ({
  kind: 'tool',
  toolCallId: 't1',
  toolName: 'bash',
  json: '',
  state: 'done',
  output: '',
  content: [],
  ...fields,
});

describe('the one line of a tool call', () => {
  it('names the file and the lines that are read', () => {
    expect(summarize(block({ toolName: 'read', args: { path: '/a/b.ts', offset: 10, limit: 5 } }))).toMatchObject({
      verb: 'Read',
      subject: '/a/b.ts:10-14',
    });
  });

  it('shows the first line of a command, and that there are more', () => {
    expect(summarize(block({ args: { command: 'cd /tmp\nls' } })).subject).toBe('cd /tmp …');
  });

  it('reads arguments that are still being written', () => {
    expect(summarize(block({ state: 'writing', json: '{"command":"npm run \\"te' })).subject).toBe('npm run "te');
    expect(argsOf(block({ json: '{"path":"/a","content":"x\\ny' }))).toEqual({ path: '/a', content: 'x\ny' });
  });

  it('reads every edit of a call that is still being written', () => {
    const json = '{"path":"a.ts","edits":[{"oldText":"a","newText":"b"},{"oldText":"c\\nd","newText":"e","oldTe';
    expect(argsOf(block({ json }))).toEqual({
      path: 'a.ts',
      edits: [
        { oldText: 'a', newText: 'b' },
        { oldText: 'c\nd', newText: 'e' },
      ],
    });
    expect(diffOf(block({ toolName: 'edit', state: 'writing', json }))).toMatchObject({ added: 2, removed: 3 });
  });

  it.each(['', '[1', '"x', '{]', '{"a":tru', '}', '{"a":"\\'])('is total over unfinished JSON: %s', (json) => {
    expect(typeof argsOf(block({ json }))).toBe('object');
  });

  it('says what is asked, and of what another session is told', () => {
    const questions = [{ question: 'Which oven?', options: ['Gas'] }, { question: 'Why?' }];
    const asked = summarize(block({ toolName: 'ask_user_question', args: { questions } }));
    expect(asked).toMatchObject({ icon: 'ask', verb: 'Ask', subject: 'Which oven?', mono: false });
    expect(summarize(block({ toolName: 'ask_user_question', args: { questions: 7 } })).subject).toBe('');
    const told = summarize(block({ toolName: 'tell_child', args: { sessionId: 's1', text: 'Hurry.' } }));
    expect(told).toMatchObject({ verb: 'Message a child session', subject: 'Hurry.', mono: false });
    const answered = summarize(block({ toolName: 'respond_to_trigger', args: { response: ['Gas', 'Leo'] } }));
    expect(answered.subject).toBe('Gas · Leo');
  });

  it('makes words of the name of a tool it does not know', () => {
    expect(summarize(block({ toolName: 'fetch_page', args: { url: 'https://x' } }))).toMatchObject({
      verb: 'Fetch page',
      subject: 'https://x',
    });
  });

  it.each([undefined, null, 3, 'text', [], { path: 4 }])('is total over arguments: %j', (args) => {
    expect(summarize(block({ toolName: 'edit', args })).subject).toBe('');
    expect(diffOf(block({ toolName: 'edit', args }))).toBeUndefined();
  });
});

describe('what a tool changed', () => {
  it('reads the diff that pi makes', () => {
    const { lines, added, removed } = parsePiDiff(' 12 same\n-13 old\n+13 new\n    ...\n 40 far');
    expect({ added, removed }).toEqual({ added: 1, removed: 1 });
    expect(lines).toEqual([
      { kind: 'same', number: 12, text: 'same' },
      { kind: 'del', number: 13, text: 'old' },
      { kind: 'add', number: 13, text: 'new' },
      { kind: 'gap', text: '' },
      { kind: 'same', number: 40, text: 'far' },
    ]);
  });

  it('keeps the indentation of a line', () => {
    expect(parsePiDiff('+ 7   indented').lines[0]).toEqual({ kind: 'add', number: 7, text: '  indented' });
  });

  it('leaves out what is far from a change', () => {
    const before = Array.from({ length: 40 }, (_, i) => `line ${i}`).join('\n');
    const { lines } = diffTexts(before, before.replace('line 20', 'line twenty'));
    expect(lines[0]).toEqual({ kind: 'gap', text: '' });
    expect(lines.filter(({ kind }) => kind === 'same')).toHaveLength(6);
    expect(lines.find(({ kind }) => kind === 'add')).toEqual({ kind: 'add', number: 21, text: 'line twenty' });
  });

  it('shows a whole new file as added, and the edits of one call together', () => {
    expect(diffOf(block({ toolName: 'write', args: { path: 'a', content: 'x\ny\n' } }))).toMatchObject({
      added: 2,
      removed: 0,
    });
    const edits = [
      { oldText: 'a', newText: 'b' },
      { oldText: 'c', newText: 'd' },
    ];
    expect(diffOf(block({ toolName: 'edit', args: { path: 'a', edits } }))).toMatchObject({ added: 2, removed: 2 });
  });
});

describe('the output of a tool', () => {
  it('is the result of a finished call, and the text received so far of a running call', () => {
    expect(outputOf(block({ output: 'so far' }))).toBe('so far');
    expect(outputOf(block({ output: '', content: [{ kind: 'text', text: 'all' }] }))).toBe('all');
  });
});
