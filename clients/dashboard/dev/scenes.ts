import { interruptedScene } from './interrupted.js';
import { nestedScene } from './nested.js';
import { turnedScene } from './turned.js';
import { wholeScene } from './blobs.js';
import { LINKED } from './linked.js';
import { PROMPTS } from './prompts.js';
import { QUEUES } from './queue.js';
import { modelGone } from './modelGone.js';
import type { Scene } from './scene.js';
import { ASKING } from './waiting.js';

const START = Date.now() - 9 * 60_000;
let clock = START;
const at = (ms = 900) => (clock += ms);

const user = (id: string, text: string) => ({
  type: 'message_end',
  at: at(),
  messageId: id,
  entryId: id,
  message: { role: 'user', content: [{ type: 'text', text }] },
});
const assistant = (id: string, content: object[], more: object = {}) => ({
  type: 'message_end',
  at: at(),
  messageId: id,
  entryId: id,
  message: { role: 'assistant', content, provider: 'anthropic', model: 'claude-sonnet-4-5', ...more },
});
const call = (id: string, name: string, args: object) => ({ type: 'toolCall', id, name, arguments: args });
const run = (id: string, name: string, args: object, result: object, ms: number, isError = false) => [
  { type: 'tool_execution_start', at: at(60), toolCallId: id, toolName: name, args },
  { type: 'tool_execution_end', at: at(ms), toolCallId: id, toolName: name, result, isError },
];
const text = (value: string) => ({ content: [{ type: 'text', text: value }] });

const EDIT = ` 12 export function resumeAt(cursor: number): Resume {
-13   return { type: 'resume', after: cursor - 1 };
+13   // An offset of 0 means that nothing has been seen: start at the beginning.
+14   return cursor === 0 ? { type: 'resume' } : { type: 'resume', after: cursor };
 15 }
 16 
    ...
 41 export function isRepeat(seq: number, cursor: number): boolean {
-42   return seq < cursor;
+43   return seq <= cursor;
 44 }`;

const ANSI =
  '\u001b[1m\u001b[46m RUN \u001b[49m\u001b[22m \u001b[36mv4.1.12\u001b[39m \u001b[90m/home/ada/code/pizzapi\u001b[39m\n\n \u001b[32m✓\u001b[39m src/resume.test.ts \u001b[2m(\u001b[22m\u001b[2m14 tests\u001b[22m\u001b[2m)\u001b[22m \u001b[32m38ms\u001b[39m\n \u001b[32m✓\u001b[39m src/gap.test.ts \u001b[2m(9 tests)\u001b[22m \u001b[32m12ms\u001b[39m\n \u001b[31m×\u001b[39m src/hand-over.test.ts \u001b[2m(6 tests | \u001b[22m\u001b[31m1 failed\u001b[39m\u001b[2m)\u001b[22m\n';

const ANSWER = `The off-by-one was in \`resumeAt\`: it asked for \`cursor - 1\`, so the last event arrived **twice** after every reconnect.

### What I changed

1. \`resumeAt\` sends the offset it has, and nothing at all when there is none.
2. \`isRepeat\` counts the offset itself as seen.
3. A property test walks random disconnects and compares with an uninterrupted viewer.

\`\`\`ts
test('a viewer that loses its connection sees every event once', async () => {
  const log = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(log, async (cuts) => {
      const seen = await watch({ events: 500, cuts });
      expect(seen).toEqual(range(1, 500)); // strictly rising, none missing
    }),
  );
});
\`\`\`

| case | before | after |
| --- | --- | --- |
| reconnect while idle | 1 repeat | none |
| reconnect mid-replay | 1 repeat | none |
| offset expired | silent gap | \`reset\` |

> The gateway was right all along: it sends what lies strictly after \`after\`.

See [the protocol's rule](https://example.com/protocol#resume) for the wording.`;

const MEASURE = 'Good. Now measure how long a resume takes with 10,000 events, and write the figure into the README.';

function main(): Scene {
  clock = START;
  const events: object[] = [
    {
      type: 'session_started',
      at: at(),
      cwd: '/home/ada/code/pizzapi',
      name: 'Resume viewers from their offset',
      model: 'anthropic/claude-sonnet-4-5',
      runnerId: 'r1',
      userId: 'owner',
      epoch: 1,
      piVersion: '0.73.0',
    },
    user('u1', 'After a reconnect the viewer shows the last event twice. Find out why and fix it, with a test.'),
    { type: 'agent_start', at: at() },
    assistant('a1', [
      {
        type: 'thinking',
        thinking: 'The repeat happens only after a reconnect, so it is about the offset that is sent with `resume`.',
      },
      { type: 'text', text: "I'll look at how the client resumes, then at the test that should have caught it." },
      call('t1', 'read', { path: '/home/ada/code/pizzapi/clients/session-client/src/resume.ts' }),
      call('t2', 'bash', { command: "rg -n 'resumeAt|isRepeat' clients --type ts" }),
    ]),
    ...run(
      't1',
      'read',
      { path: '/home/ada/code/pizzapi/clients/session-client/src/resume.ts' },
      text(
        "export interface Resume {\n  type: 'resume';\n  after?: number;\n}\n\nexport function resumeAt(cursor: number): Resume {\n  return { type: 'resume', after: cursor - 1 };\n}",
      ),
      40,
    ),
    ...run(
      't2',
      'bash',
      { command: "rg -n 'resumeAt|isRepeat' clients --type ts" },
      text(
        'clients/session-client/src/resume.ts:12: export function resumeAt\nclients/session-client/src/session.ts:88:   send(resumeAt(cursor))',
      ),
      180,
    ),
    assistant('a2', [
      call('t3', 'edit', { path: '/home/ada/code/pizzapi/clients/session-client/src/resume.ts' }),
      call('t4', 'bash', { command: 'npx vitest run --project pure clients/session-client' }),
    ]),
    ...run(
      't3',
      'edit',
      { path: '/home/ada/code/pizzapi/clients/session-client/src/resume.ts' },
      { ...text('Edited.'), details: { diff: EDIT } },
      30,
    ),
    ...run(
      't4',
      'bash',
      { command: 'npx vitest run --project pure clients/session-client' },
      text(`${ANSI}\nError: expected [1, 2, 3, 3] to deeply equal [1, 2, 3]\n\nCommand exited with code 1`),
      4200,
      true,
    ),
    assistant('a3', [{ type: 'text', text: ANSWER }]),
    { type: 'agent_end', at: at() },
    { type: 'model_select', at: at(), model: 'anthropic/claude-opus-4-5' },
    {
      type: 'input_received',
      at: at(),
      commandId: 'c2',
      text: MEASURE,
      deliverAs: 'prompt',
      by: { userId: 'guest_x1', via: 'collab', name: 'Ann' },
    },
    { type: 'input_delivered', at: at(), commandId: 'c2' },
    { ...user('u2', MEASURE), origin: { commandId: 'c2', by: { userId: 'guest_x1', via: 'collab', name: 'Ann' } } },
    { type: 'agent_start', at: at() },
    { type: 'queue_update', at: at(), steering: [], followUp: ['Then open a pull request'] },
    assistant('a4', [
      { type: 'thinking', thinking: 'A bench exists already; it needs a session of 10,000 events.' },
      call('t9', 'bash', { command: 'npm run bench -- --only resume' }),
    ]),
    {
      type: 'tool_execution_start',
      at: Date.now() - 6_000,
      toolCallId: 't9',
      toolName: 'bash',
      args: { command: 'npm run bench -- --only resume' },
    },
    { type: 'message_start', at: Date.now() - 4_000, messageId: 'a5', role: 'assistant' },
  ];
  const words =
    'I start with a warm gateway, so that the figure is about the replay and not about its first connection. The bench below opens a viewer at offset 0, and stops the clock when `live` arrives:'.split(
      /(?<= )/,
    );
  return {
    events,
    meta: {
      model: { provider: 'anthropic', id: 'claude-opus-4-5', reasoning: true, contextWindow: 200_000 },
      thinkingLevel: 'medium',
      todoList: [
        { id: 1, text: 'Find the repeated event', status: 'done' },
        { id: 2, text: 'Fix resumeAt and isRepeat', status: 'done' },
        { id: 3, text: 'Measure a resume of 10,000 events', status: 'in_progress' },
        { id: 4, text: 'Write the figure into the README', status: 'pending' },
      ],
      tokenUsage: {
        input: 48_210,
        output: 6_120,
        cacheRead: 391_400,
        cacheWrite: 22_000,
        cost: 0.4312,
        contextTokens: 61_300,
        contextWindow: 200_000,
      },
    },
    partial: {
      n: 10,
      open: [
        {
          messageId: 'a5',
          role: 'assistant',
          blocks: [{ index: 0, kind: 'text', text: '' }],
        },
      ],
      tools: [
        {
          toolCallId: 't9',
          text: 'warming up … done\n\u001b[36mresume\u001b[39m 10,000 events  \u001b[32m163 ms\u001b[39m\n',
        },
      ],
    },
    pieces: words.map((word, i) => ({
      type: 'text_delta',
      at: Date.now(),
      n: 11 + i,
      messageId: 'a5',
      index: 0,
      text: word,
    })),
  };
}

function ask(): Scene {
  clock = START;
  return {
    events: [
      user('u1', 'Which database should the projector use?'),
      { type: 'agent_start', at: at() },
      assistant('a1', [
        { type: 'text', text: 'Two fit. It depends on whether the projection has to be readable by other programs.' },
      ]),
      {
        type: 'dialog_opened',
        at: at(),
        dialogId: 'd0',
        method: 'confirm',
        title: 'May I look at the deployment files?',
      },
      {
        type: 'dialog_resolved',
        at: at(),
        dialogId: 'd0',
        value: true,
        by: { userId: 'owner', via: 'owner' },
        outcome: 'answered',
      },
      {
        type: 'dialog_opened',
        at: at(),
        dialogId: 'd1',
        method: 'select',
        title: 'Where should the projection live?',
        message: 'It can be rebuilt from the log at any time, so this can be changed later.',
        options: ['NATS key-value bucket', 'SQLite file beside the process', 'Postgres'],
      },
    ],
    meta: { thinkingLevel: 'low' },
  };
}

function long(messages: number): Scene {
  clock = START;
  const events = Array.from({ length: messages }, (_, i) => {
    if (i % 4 === 0) return user(`m${i}`, `Question ${i}: what does step ${i / 4} do?`);
    const lines = Array.from(
      { length: 1 + (i % 5) },
      (_, k) => `Line ${k} of message ${i}, with \`code\` and **weight**, long enough to wrap on a narrow page.`,
    );
    return assistant(`m${i}`, [
      { type: 'text', text: lines.join('\n\n') },
      ...(i % 7 === 0 ? [{ type: 'text', text: `\`\`\`ts\nconst step = ${i};\n\`\`\`` }] : []),
    ]);
  });
  return { events, meta: {} };
}

/** One answer of many paragraphs, of different lengths. */
function paragraphs(): Scene {
  const sentence = 'The dough rests until it has doubled, which takes longer on a cold day than on a warm one.';
  const text = Array.from({ length: 60 }, (_, i) => `Paragraph ${i}. ${`${sentence} `.repeat(1 + ((i * 5) % 4))}`);
  return {
    events: [user('u1', 'Tell me all.'), assistant('a1', [{ type: 'text', text: text.join('\n\n') }])],
    meta: {},
  };
}

const FORMULAS = `The root \\(x_1 = \\frac{-b}{2a}\\) -> and

$$
\\int_0^1 \\sqrt{x}\\,dx = \\frac{2}{3}
$$

costs from $10K to $8K, and \\(\\broken{\\) stays. So $E = mc^2$.`;

/** A text that means no good, as a model that read a hostile page may write it. */
export const HOSTILE = `Hello <script>globalThis.pwned = 1</script><img src=x onerror="globalThis.pwned = 2">

[click me](javascript:globalThis.pwned=3) and [data](data:text/html,<script>globalThis.pwned=4</script>) and [fine](https://example.com/a)

![tracker](https://tracker.example.com/pixel.png)

<a href="https://example.com" onclick="globalThis.pwned = 5">raw</a> <style>body { display: none }</style>

\`\`\`html
<script>globalThis.pwned = 6</script>
\`\`\``;

/** What happens in a scripted session. */
export function sceneOf(sid: string, messages: number): Scene {
  if (sid === 'story') return main();
  if (sid === 'ask') return ask();
  const scene = PROMPTS[sid] ?? LINKED[sid] ?? QUEUES[sid];
  if (scene !== undefined) return scene();
  if (sid === 'long') return long(messages || 10_000);
  if (sid.startsWith('whole')) return wholeScene(sid === 'whole-open');
  if (sid === 'turned') return turnedScene();
  if (sid === 'interrupted') return interruptedScene();
  if (sid === 'nested') return nestedScene();
  if (sid === 'formulas')
    return { events: [user('u1', 'Prove it -> now.'), assistant('a1', [{ type: 'text', text: FORMULAS }])], meta: {} };
  if (sid === 'paragraphs') return paragraphs();
  if (sid === 'hostile')
    return { events: [user('u1', HOSTILE), assistant('a1', [{ type: 'text', text: HOSTILE }])], meta: {} };
  if (ASKING[sid] !== undefined) return { events: main().events.slice(1, 10), meta: ASKING[sid] };
  if (sid === 'model-gone') return modelGone();
  if (sid === 'fresh') return { events: [], meta: {} };
  const over = sid.startsWith('done') ? [{ type: 'session_ended', at: Date.now(), reason: 'completed' }] : [];
  return { events: [...main().events.slice(0, 10), ...over], meta: {} };
}
