/** What the demo model says. Kept apart from when it says it. */

export const HELP = `This is the **demo model**: scripted, without a network, so that you can try everything without an API key.

| prompt | what it shows |
|---|---|
| \`/demo bash\` | a shell command whose output streams for some seconds |
| \`/demo edit\` | a file written and edited, with a diff |
| \`/demo question\` | questions of an extension that you answer (\`select\`, \`confirm\` or \`input\` for one of them) |
| \`/demo ask\` | questions of the agent itself, answered on any screen, even after a restart |
| \`/demo call bash {"command":"ls"}\` | one call of any tool, with these arguments |
| \`/demo error\` | a provider that fails twice and is retried (\`/demo error fatal\`: one that stays broken) |
| \`/demo long 64000\` | one long message of that many characters |
| \`/demo thinking\` | a long thought before a short answer |
| \`/demo todo\` | a to-do list that is worked off |
| \`/demo spawn\` | a child session that asks its parent something, and the parent answers (\`/demo spawn person\`: a person must) |
| \`/demo plan\` | a plan that waits for your approval |
| \`/demo image\` | a picture made, then looked at |

Anything else gets the standard answer. Type while it streams: the message steers the agent, or waits in the queue.`;

const quote = (text: string) =>
  text
    .split('\n')
    .slice(0, 6)
    .map((line) => `> ${line.slice(0, 200)}`)
    .join('\n');

export const intro = (prompt: string, images: number) => `You wrote:

${quote(prompt.trim() === '' ? '(no text)' : prompt)}
${images === 0 ? '' : `\n…and attached ${images === 1 ? 'an image' : `${images} images`}.\n`}
I am the **demo model**. I follow a script, but everything around me is real: this session runs on a *runner*, each of its events is appended to a log in NATS JetStream, and this page is one of its readers. Close it, restart the gateway, open it on your phone: the log has it all, in order.

Let me look around in the working folder.`;

export const summary = (
  entries: number,
) => `That was a real shell command: its output came to you piece by piece while it ran.

| what you saw | where it lives |
|---|---|
| my thoughts and this text, as they came | \`session.<id>.deltas\`, not stored |
| every finished message and tool run | \`session.<id>.events\`, the log |
| to-dos, tokens, the model in use | folded from the log |

I found ${entries === 1 ? 'one entry' : `${entries} entries`} in this folder. From a terminal, the same log looks like this:

\`\`\`sh
eval "$(pizzapi nats-env)"
nats sub 'session.*.events' --translate 'pizzapi decode'
\`\`\`

Try \`/demo help\` for more, or pick another model: any provider that your \`pi\` knows works here too.`;

export const THINKING = [
  'The person wants to see how thinking looks. So I think aloud for a while, one sentence after the other.',
  'First: what is a session? A log of facts, in one order, with one writer. Whoever reads it from the start gets the same story.',
  'Second: what is streaming? Pieces that are worth something only until the message is finished. Losing one is no harm, because the finished message repeats it all.',
  'Third: what happens when a host disappears? Its lease ends, everybody sees that, and what was acknowledged stays.',
  'Fourth: what happens when a viewer disappears? Nothing at all. It comes back with the last offset it saw, and reads on from there.',
  'So the answer is short: keep facts apart from pieces, and give every reader an offset.',
].join('\n\n');

export const EDIT_BEFORE = `# Pizza dough

Makes four.

- 600 g flour
- 400 ml water
- 10 g salt
- 3 g yeast

Knead for ten minutes, rest for a day, bake as hot as the oven goes.
`;

export const EDITS = [
  { oldText: 'Makes four.', newText: 'Makes four, or three for hungry people.' },
  { oldText: '- 3 g yeast', newText: '- 3 g yeast\n- 1 spoon of olive oil' },
];

const SENTENCE = 'The quick brown fox jumps over the lazy dog while the oven is heating up. ';

/** Exactly `chars` characters, the same ones every time: numbered paragraphs. */
export function longText(chars: number): string {
  const parts: string[] = [];
  for (let size = 0, line = 1; size < chars; line++) {
    const part = `${line}. ${SENTENCE.repeat(3).trimEnd()}\n\n`;
    parts.push(part);
    size += part.length;
  }
  return parts.join('').slice(0, chars);
}

/** What there is to do for a pizza. */
export const STEPS = ['Weigh the flour', 'Knead the dough', 'Heat the oven', 'Bake'];

export const PLAN = {
  title: 'Bake a pizza',
  description: 'In four steps, from flour to table.',
  steps: STEPS.map((title) => ({ title })),
};
