import { TUI, visibleWidth, type Terminal } from '@mariozechner/pi-tui';
import type { TranscriptItem } from '@pizzapi/protocol';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { AskBox, type AskAnswer } from './askBox.js';
import { ItemView } from './itemView.js';
import { initialiseTheme } from './theme.js';

beforeAll(initialiseTheme);

const NOWHERE = {
  columns: 80,
  rows: 24,
  kittyProtocolActive: false,
  ...Object.fromEntries(
    ['start', 'stop', 'write', 'moveBy', 'hideCursor', 'showCursor', 'clearLine', 'clearFromCursor', 'clearScreen'].map(
      (name) => [name, () => undefined],
    ),
  ),
} as unknown as Terminal;
const ui = new TUI(NOWHERE);
const around = { ui, cwd: '/nowhere', authorName: () => 'Grace' };

/** Colours, links and marks of a prompt: what pi itself writes. */
const ESCAPE = '\u001b';
const OWN = new RegExp(`${ESCAPE}\\[[0-9;]*m|${ESCAPE}\\](?:8|133);\\P{Cc}*\\p{Cc}`, 'gu');
const shown = (item: TranscriptItem, look = { thinking: true, expanded: true }) =>
  new ItemView(around, item, look).render(60);
const plain = (lines: string[]) => lines.map((line) => line.replace(OWN, '').trimEnd()).join('\n');

const EVIL = 'a\u001b]52;c;ZXZpbA==\u0007b\u001b[2Jc\u009b2Jd\re\u0007';
const base = { id: 'i', seq: 1, at: 1 };
const message = { ...base, kind: 'message', open: false, broken: false } as const;
const tool = {
  kind: 'tool',
  toolCallId: 't',
  json: '',
  state: 'done',
  output: '',
  content: [{ kind: 'text', text: EVIL }],
} as const;

it('the calls of a script are lines beneath it, folded to the last ones, and with their output when they are opened', () => {
  const inner = (n: number, more: object = {}) => ({
    ...{ ...tool, toolName: 'bash', toolCallId: `t/${n}`, depth: 1, args: { command: `ls ${n} ${EVIL}` } },
    ...more,
  });
  const nested = [1, 2, 3, 4, 5].map((n) => inner(n));
  nested.push(inner(6, { state: 'failed', depth: 2 }), inner(7, { state: 'running', output: 'a\nlive', content: [] }));
  const block = { ...tool, content: [], toolName: 'codemode', args: { code: 'x' }, nested, nestedLeftOut: 9 };
  const item = JSON.parse(JSON.stringify({ ...base, kind: 'tool', block })) as TranscriptItem;
  const folded = plain(shown(item, { thinking: true, expanded: false }));
  expect(folded).toMatch(/… 2 calls before \(ctrl\+o to show\)\n +✓ Run: ls 3/);
  expect(folded).toMatch(/ {5}✗ Run: ls 6[^]*… Run: ls 7[^]*live\n[^]*9 calls more/);
  expect(folded).not.toMatch(/ls 2|\p{Cc}(?<!\n)/u);
  const opened = plain(shown(item));
  expect(opened).toContain('✓ Run: ls 1');
  expect(opened).not.toMatch(/\p{Cc}(?<!\n)/u);
});

it('an item that is closed while its command runs leaves no timer', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const block = {
      ...tool,
      content: [],
      toolName: 'bash',
      args: { command: 'sleep 9' },
      state: 'running',
      output: 'a',
    };
    const view = new ItemView(around, { ...base, kind: 'tool', block } as TranscriptItem, {
      thinking: true,
      expanded: true,
    });
    view.render(60);
    expect(vi.getTimerCount()).toBe(1);
    view.close();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

describe('an item of a transcript', () => {
  const items: [string, TranscriptItem][] = [
    ['what a person says', { ...message, role: 'user', blocks: [{ kind: 'text', text: EVIL }] }],
    [
      'what the agent says and thinks',
      {
        ...message,
        role: 'assistant',
        blocks: [
          { kind: 'thinking', text: EVIL },
          { kind: 'text', text: EVIL },
        ],
        error: EVIL,
      },
    ],
    [
      'a command',
      { ...base, kind: 'tool', block: { ...tool, toolName: 'bash', args: { command: EVIL }, content: [] } },
    ],
    ['output', { ...base, kind: 'tool', block: { ...tool, content: [...tool.content], toolName: 'bash', args: {} } }],
    [
      'a tool pi does not know',
      { ...base, kind: 'tool', block: { ...tool, content: [...tool.content], toolName: EVIL, args: { [EVIL]: EVIL } } },
    ],
    ['a notice', { ...base, kind: 'notice', notice: 'notify', level: 'error', text: EVIL }],
    [
      'a question',
      { ...base, kind: 'dialog', method: 'input', title: EVIL, options: [], state: 'answered', value: EVIL },
    ],
    [
      'pi’s own kind of message',
      { ...message, role: 'bashExecution', blocks: [], extra: { command: EVIL, output: EVIL } },
    ],
  ];

  it.each(items)('has no escape sequence of %s reach the terminal, and fits it', (_name, item) => {
    const lines = shown(item);
    expect(lines.join('')).toContain('d');
    for (const line of lines) {
      expect(line.replace(OWN, '')).not.toMatch(/\p{Cc}/u);
      expect(visibleWidth(line)).toBeLessThanOrEqual(60);
    }
  });

  it('names a text that was written for the agent, and shows the text itself only when it is unfolded', () => {
    const item: TranscriptItem = {
      ...{ ...message, role: 'user', blocks: [{ kind: 'text', text: 'Answer with respond_to_trigger' }] },
      ...{ by: { userId: 'ann', via: 'agent' } },
      about: { kind: 'trigger', trigger: 'ask_user_question', sessionId: 'kid', name: `Bake\n${EVIL}` },
    };
    const folded = plain(shown(item, { thinking: true, expanded: false }));
    expect(folded).toContain('Question from the child session “Bake');
    expect(folded).not.toContain('respond_to_trigger');
    expect(plain(shown(item))).toContain('respond_to_trigger');
  });

  it('says that the author of a message is unknown where its log does not name one', () => {
    const item: TranscriptItem = { ...message, role: 'user', blocks: [], hasUnknownAuthor: true };
    expect(plain(shown(item))).toContain('Unknown author');
  });

  it('shows thoughts, or that there were some', () => {
    const item: TranscriptItem = {
      ...message,
      role: 'assistant',
      blocks: [{ kind: 'thinking', text: 'deep thought' }],
    };
    expect(plain(shown(item))).toContain('deep thought');
    expect(plain(shown(item, { thinking: false, expanded: false }))).toContain('Thinking...');
  });

  it('shows a tool as it is written, as it runs and when it is done', () => {
    const view = new ItemView(around, items[0]![1], { thinking: true, expanded: true });
    const look = { thinking: true, expanded: true };
    const at = (block: object): string => {
      const blocks = [{ ...tool, content: [], toolName: 'bash', ...block }] as never;
      view.update({ ...message, role: 'assistant', blocks }, look);
      return plain(view.render(60));
    };
    expect(at({ state: 'writing', json: '{"command":"ec' })).toContain('ec');
    expect(at({ state: 'running', args: { command: 'echo' }, output: 'half' })).toContain('half');
    const done = at({ state: 'done', args: { command: 'echo' }, content: [{ kind: 'text', text: 'whole' }] });
    expect(done).toContain('whole');
    expect(done).not.toContain('half');
  });
});

describe('a question', () => {
  const asking = (ask: Partial<ConstructorParameters<typeof AskBox>[1]>) => {
    const answers: AskAnswer[] = [];
    const box = new AskBox(ui, { title: 'Which?', details: '', choices: [], ...ask });
    box.onAnswer = (answer) => answers.push(answer);
    return { answers, type: (...keys: string[]) => keys.forEach((key) => box.handleInput(key)), box };
  };
  const [DOWN, ENTER, ESC] = ['\u001b[B', '\r', '\u001b'];
  const choices = [
    { label: 'Wood', value: 'wood' },
    { label: 'Gas', value: 7 },
  ];

  it('is answered by the value of a choice', () => {
    const { answers, type } = asking({ choices });
    type(DOWN, ENTER);
    expect(answers).toEqual([{ kind: 'answer', value: 7 }]);
  });

  it('is answered in words, as one of the choices', () => {
    const { answers, type, box } = asking({ choices, write: { placeholder: '', prefill: '', long: false } });
    expect(plain(box.render(60))).toContain('Something else…');
    type(DOWN, DOWN, ENTER, 'm', 'e', ENTER);
    expect(answers).toEqual([{ kind: 'answer', value: 'me' }]);
  });

  it('is answered by several lines where there is room for them', () => {
    const { answers, type } = asking({ write: { placeholder: '', prefill: 'a', long: true } });
    type('b', '\\', ENTER, 'c', ENTER);
    expect(answers).toEqual([{ kind: 'answer', value: 'ab\nc' }]);
  });

  it('is dismissed', () => {
    const { answers, type } = asking({ choices });
    type(ESC);
    expect(answers).toEqual([{ kind: 'dismiss' }]);
  });
});
