import type { ToolCall } from '@mariozechner/pi-ai';
import type { DemoTurn } from './stream.js';

/** What the demo model knows when it hears of another session. */
export interface FamilyScene {
  prompt: string;
  args: string[];
  /** Which turn since the prompt this is, from 0. */
  step: number;
  call: (name: string, args: ToolCall['arguments']) => ToolCall;
}

/** Of a child whose questions the demo parent leaves to people. */
const FOR_A_PERSON = 'Baker, for a person';

/** `/demo spawn`: starts a child that has two questions. */
export function spawnTurn({ args, step, call }: FamilyScene): DemoTurn {
  if (step > 0) {
    return { text: 'My child works on its own now. When it has something to say, I hear of it.' };
  }
  const name = args[0] === 'person' ? FOR_A_PERSON : 'Baker';
  return {
    text: 'I start another session. It will have something to ask.',
    toolCalls: [call('spawn_session', { prompt: '/demo ask', name })],
  };
}

/** What was sent to this session by another, without what was put before it. */
export function messageIn(prompt: string): string | undefined {
  return /^Message from [^\n]*:\n\n([\s\S]*)$/.exec(prompt)?.[1];
}

/** The answer to what a linked session said, or undefined when it was somebody else. */
export function familyTurn({ prompt, step, call }: FamilyScene): DemoTurn | undefined {
  if (prompt.startsWith('The child session ')) {
    const triggerId = /respond_to_trigger and the triggerId "([\w-]+)"/.exec(prompt)?.[1];
    if (triggerId === undefined) return { text: `I hear from my child:\n\n${quoted(prompt)}` };
    if (prompt.includes(FOR_A_PERSON)) return { text: 'My child asks something that I leave to a person.' };
    if (step > 0) return { text: 'I have answered my child.' };
    return {
      text: 'My child asks me something, and I know the answer.',
      toolCalls: [call('respond_to_trigger', { triggerId, response: answersTo(prompt) })],
    };
  }
  if (prompt.startsWith('Your parent session answers ') || messageIn(prompt) !== undefined) {
    return { text: `I hear from my parent:\n\n${quoted(prompt)}` };
  }
  return / was not delivered: /.test(prompt) ? { text: `That did not work:\n\n${quoted(prompt)}` } : undefined;
}

const quoted = (prompt: string) =>
  prompt
    .split('\n')
    .map((line) => `> ${line}`)
    .join('\n');

/** The first option of each question, or what every pizza may be called. */
function answersTo(prompt: string): string | string[] {
  if (!prompt.includes('(The response is a list')) return optionsIn(prompt)[0] ?? 'Margherita';
  return prompt
    .split(/\n(?=\d+\. )/)
    .slice(1)
    .map((question) => optionsIn(question)[0] ?? 'Margherita');
}

const optionsIn = (text: string) => /Options: (.*)/.exec(text)?.[1]?.split(' | ') ?? [];
