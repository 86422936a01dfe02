import { sleep } from '@pizzapi/process';
import type { ExtensionContext, ExtensionFactory } from '@mariozechner/pi-coding-agent';
import type { MetaTodoItem, SessionEvent } from '@pizzapi/protocol';
import Type from 'typebox';
import { DEMO_PROVIDER, registerDemoProvider } from './provider.js';
import { demoSpeed } from './speed.js';
import { STEPS } from './texts.js';
import { inWords } from '../terminal/toolWording.js';

const TOOLS = ['demo_question', 'demo_todo'];

const Question = Type.Object({
  ask: Type.String({ description: 'select, confirm, input, editor or all' }),
  timeoutMs: Type.Optional(Type.Number({ description: 'Close the question by itself after so many ms' })),
});

const answer = (text: string) => ({ content: [{ type: 'text' as const, text }], details: undefined });

const OVENS = ['Wood', 'Gas', 'Electric'];

async function ask(ctx: ExtensionContext, kinds: string, timeoutMs: number | undefined, signal?: AbortSignal) {
  const limits = { ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }), ...(signal ? { signal } : {}) };
  const wants = (kind: string) => kinds === 'all' || kinds === kind;
  const lines: string[] = [];
  const note = (question: string, reply: string | undefined) => lines.push(`- ${question}: ${reply ?? '(no answer)'}`);
  if (wants('select')) note('oven', await ctx.ui.select('Which oven do you have?', OVENS, limits));
  if (wants('confirm')) {
    note(
      'pineapple',
      (await ctx.ui.confirm('Pineapple?', 'Would you put pineapple on a pizza?', limits)) ? 'yes' : 'no',
    );
  }
  if (wants('input')) note('name', await ctx.ui.input('What is your pizza called?', 'Margherita', limits));
  if (kinds === 'editor') note('recipe', await ctx.ui.editor('Write a recipe', 'Flour, water, salt.'));
  return lines.join('\n');
}

function todoList(done: number): MetaTodoItem[] {
  return STEPS.map((text, index) => ({
    id: index + 1,
    text,
    status: index < done ? 'done' : index === done ? 'in_progress' : 'pending',
  }));
}

/**
 * The demo provider and the tools that its model calls: they ask the person and keep a to-do list, the way an extension
 * does. Offered to the demo model only; no other model gets to know of them.
 */
export function demoTools(emit: (event: SessionEvent) => void): ExtensionFactory {
  return (pi) => {
    // Here and not once per session: a reload forgets providers, and starts the extensions again.
    registerDemoProvider(pi);
    pi.registerTool({
      name: 'demo_question',
      ...inWords('demo_question'),
      label: 'Ask',
      description: 'Asks the person a question',
      parameters: Question,
      execute: async (_id, params, signal, _onUpdate, ctx) =>
        answer(await ask(ctx, params.ask, params.timeoutMs, signal)),
    });
    pi.registerTool({
      name: 'demo_todo',
      ...inWords('demo_todo'),
      label: 'To-do list',
      description: 'Works off a to-do list',
      parameters: Type.Object({}),
      execute: async (_id, _params, signal) => {
        const ms = demoSpeed(process.env['PIZZAPI_DEMO_SPEED']).shellPause * 2_000;
        let done = 0;
        for (; done < STEPS.length && signal?.aborted !== true; done++) {
          emit({ type: 'todo_updated', at: Date.now(), todoList: todoList(done) });
          await sleep(ms, signal);
        }
        emit({ type: 'todo_updated', at: Date.now(), todoList: todoList(done) });
        return answer(`${done} of ${STEPS.length} done`);
      },
    });
    const offer = (provider: string | undefined) => {
      const others = pi.getActiveTools().filter((name) => !TOOLS.includes(name));
      pi.setActiveTools(provider === DEMO_PROVIDER ? [...others, ...TOOLS] : others);
    };
    pi.on('session_start', (_event, ctx) => offer(ctx.model?.provider));
    pi.on('model_select', (event) => offer(event.model.provider));
  };
}
