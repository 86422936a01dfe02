import type { Message, ToolCall } from '@mariozechner/pi-ai';
import type { ProviderRequest } from '../versions/providerRequest.js';
import { familyTurn, messageIn, spawnTurn } from './linkedSessions.js';
import { PIZZA_PNG } from './picture.js';
import type { DemoSpeed } from './speed.js';
import type { DemoTurn } from './stream.js';
import { EDIT_BEFORE, EDITS, HELP, intro, longText, PLAN, summary, THINKING } from './texts.js';

/** `/demo long` without a number. */
const LONG_DEFAULT_CHARS = 64_000;
const LONG_MAX_CHARS = 2_000_000;
/** How often `/demo error` fails before it answers. */
const ERROR_ATTEMPTS = 2;

const FILE = 'pizzapi-demo.md';
const PICTURE = 'pizzapi-demo.png';

/** What a script knows when it is its turn. */
interface Scene {
  prompt: string;
  /** The words after `/demo <name>`. */
  args: string[];
  images: number;
  /** Which turn since the prompt this is, from 0. */
  step: number;
  /** The text of the last tool result. */
  lastResult: string;
  /** How often this very turn was asked for before, because it failed. */
  attempt: number;
  speed: DemoSpeed;
  call: (name: string, args: ToolCall['arguments']) => ToolCall;
}

type Script = (scene: Scene) => DemoTurn;

/** A script of several turns; the last one answers whatever comes after it too. */
const turns =
  (...steps: Script[]): Script =>
  (scene) =>
    steps[Math.min(scene.step, steps.length - 1)]!(scene);

const bash = (command: string) => ({ command });

function parsedArgs(json: string): ToolCall['arguments'] | undefined {
  try {
    const value: unknown = JSON.parse(json === '' ? '{}' : json);
    return typeof value === 'object' && value !== null ? (value as ToolCall['arguments']) : undefined;
  } catch {
    return undefined;
  }
}

const standard = turns(
  ({ prompt, images, speed, call }) => ({
    thinking: 'Somebody tries me out. I say what this is, then show a tool at work.',
    text: intro(prompt, images),
    toolCalls: [
      call(
        'bash',
        bash(`ls -A | head -n 12 | while IFS= read -r f; do echo "$f"; sleep ${speed.shellPause / 4}; done`),
      ),
    ],
  }),
  ({ lastResult }) => ({
    text: summary(lastResult.split('\n').filter((line) => line !== '' && line !== '(no output)').length),
  }),
);

const spokenTo: Script = (scene) => familyTurn(scene) ?? standard(scene);

const error: Script = ({ args, attempt }) => {
  if (args[0] === 'fatal') return { error: 'invalid_request_error: the demo provider refuses this prompt' };
  if (attempt < ERROR_ATTEMPTS) return { error: 'overloaded_error: the demo provider is overloaded, try again' };
  return {
    text: `The provider failed ${ERROR_ATTEMPTS} times, pi waited and tried again, and here I am. Nothing had to be typed twice.`,
  };
};

const SCRIPTS: Readonly<Record<string, Script>> = {
  help: () => ({ text: HELP }),
  bash: turns(
    ({ speed, call }) => ({
      text: 'A shell command that takes its time:',
      toolCalls: [
        call(
          'bash',
          bash(`for i in $(seq 1 12); do echo "slice $i of 12"; sleep ${speed.shellPause}; done; echo done`),
        ),
      ],
    }),
    () => ({ text: 'Twelve slices, each of them sent as it was cut.' }),
  ),
  edit: turns(
    ({ call }) => ({
      text: `I write a recipe to \`${FILE}\`, and then improve it.`,
      toolCalls: [call('write', { path: FILE, content: EDIT_BEFORE })],
    }),
    ({ call }) => ({ toolCalls: [call('edit', { path: FILE, edits: EDITS })] }),
    () => ({ text: `\`${FILE}\` is written and edited; the diff above shows what changed.` }),
  ),
  question: turns(
    ({ args, call }) => ({
      text: 'I have something to ask.',
      toolCalls: [
        call('demo_question', {
          ask: ['select', 'confirm', 'input', 'editor'].includes(args[0] ?? '') ? args[0]! : 'all',
          ...(Number(args[1]) > 0 ? { timeoutMs: Number(args[1]) } : {}),
        }),
      ],
    }),
    ({ lastResult }) => ({ text: `Thank you. This is what I understood:\n\n${lastResult}` }),
  ),
  ask: turns(
    ({ call }) => ({
      text: 'Two things I need to know.',
      toolCalls: [
        call('ask_user_question', {
          questions: [
            { question: 'Which oven do you have?', options: ['Wood', 'Gas', 'Electric'] },
            { question: 'What is your pizza called?' },
          ],
        }),
      ],
    }),
    ({ lastResult }) => ({ text: `Thank you. This is what I understood:\n\n${lastResult}` }),
  ),
  call: turns(
    ({ args: [name = '', ...json], call }) => {
      const toolArgs = parsedArgs(json.join(' '));
      if (toolArgs === undefined) return { text: 'After the name of the tool I need its arguments as a JSON object.' };
      return { toolCalls: [call(name, toolArgs)] };
    },
    ({ lastResult }) => ({ text: `The tool said:\n\n${lastResult}` }),
  ),
  spawn: spawnTurn,
  error,
  long: ({ args }) => {
    const chars = Math.floor(Number(args[0] ?? LONG_DEFAULT_CHARS));
    const size = Number.isFinite(chars) ? Math.min(Math.max(chars, 1), LONG_MAX_CHARS) : LONG_DEFAULT_CHARS;
    return { text: longText(size), pace: 40 };
  },
  thinking: () => ({ thinking: THINKING, text: 'Facts and pieces are kept apart, and every reader has an offset.' }),
  todo: turns(
    ({ call }) => ({ text: 'I keep a list of what there is to do.', toolCalls: [call('demo_todo', {})] }),
    () => ({ text: 'All done: the list above is worked off.' }),
  ),
  plan: turns(
    ({ call }) => ({
      text: 'Before I touch anything, this is my plan.',
      toolCalls: [call('plan_mode', { action: 'submit', ...PLAN })],
    }),
    ({ lastResult }) => ({ text: `This is what I heard:\n\n${lastResult}` }),
  ),
  image: turns(
    ({ call }) => ({
      text: 'I bake a picture,',
      toolCalls: [call('bash', bash(`printf %s '${PIZZA_PNG}' | base64 -d > ${PICTURE} && ls -l ${PICTURE}`))],
    }),
    ({ call }) => ({ text: 'and look at it.', toolCalls: [call('read', { path: PICTURE })] }),
    () => ({ text: 'A pizza, beyond doubt.' }),
  ),
};

function textOf(message: Message | undefined): string {
  if (message === undefined) return '';
  if (typeof message.content === 'string') return message.content;
  return message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

/** The prompt that a request ends with: what the demo model answers. */
export function lastPrompt({ messages }: ProviderRequest): { index: number; message: Message | undefined } {
  const index = messages.findLastIndex((message) => message.role === 'user');
  return { index, message: messages[index] };
}

/**
 * What the demo model says next. The same prompt, step and tool results always give the same turn.
 * `attempt` counts how often this turn has failed before.
 */
export function demoTurn(request: ProviderRequest, speed: DemoSpeed, attempt: number): DemoTurn {
  // pi asks for summaries (compaction, branches) by another system prompt, and offers no tools then.
  if (!request.hasTools && request.prompt.includes('summarization')) {
    return {
      text: `## Summary\n\nA demo session with ${request.messages.length} messages to summarise. Nothing is open.`,
    };
  }
  const { index, message } = lastPrompt(request);
  const said = textOf(message);
  const told = messageIn(said);
  const prompt = told?.startsWith('/demo') === true ? told : said;
  const [command = '', name = '', ...args] = prompt.trim().split(/\s+/);
  const since = request.messages.slice(index + 1);
  const step = since.filter((other) => other.role === 'assistant').length;
  const content = message?.content ?? [];
  const id = `demo_${(message?.timestamp ?? 0).toString(36)}_${step}`;
  const script = command === '/demo' ? (SCRIPTS[name === '' ? 'help' : name] ?? SCRIPTS['help']!) : spokenTo;
  let calls = 0;
  return script({
    prompt,
    args,
    images: typeof content === 'string' ? 0 : content.filter((block) => block.type === 'image').length,
    step,
    lastResult: textOf(since.findLast((other) => other.role === 'toolResult')),
    attempt,
    speed,
    call: (toolName, toolArgs) => ({
      type: 'toolCall',
      id: `${id}_${calls++}`,
      name: toolName,
      arguments: toolArgs,
    }),
  });
}
