import { resolve } from 'node:path';
import Type from 'typebox';
import { says } from '../human/feature.js';
import type { ParentChannel } from './parentChannel.js';
import type { LinkContext } from './linkContext.js';
import type { ChildChannels } from './childChannels.js';
import { inWords } from '../terminal/toolWording.js';

const Child = Type.String({ minLength: 1, description: 'The id of the child session' });
const Trigger = Type.String({ minLength: 1, description: 'The triggerId in the message that told of it' });
const Text = (description: string) => Type.String({ minLength: 1, description });

/** What the agent can do with other sessions, as tools. */
export function registerLinkTools({ pi, port }: LinkContext, children: ChildChannels, parent: ParentChannel): void {
  pi.registerTool({
    name: 'spawn_session',
    ...inWords('spawn_session'),
    label: 'New session',
    description:
      'Starts a child session: another agent that works on its own, perhaps on another machine. Returns its id at once. ' +
      'You get a message when it is done, fails, or asks something; do not wait for it or look for it.',
    promptSnippet: 'Start another session that works on its own',
    parameters: Type.Object({
      prompt: Text('All that the child needs to know: it has not read this conversation'),
      name: Type.Optional(Text('What people call it')),
      cwd: Type.Optional(Text('Its folder; the first one of its runner when left out')),
      model: Type.Optional(Text('provider/id')),
      runner: Type.Optional(Text('The id of the runner that hosts it; your own when left out')),
    }),
    executionMode: 'sequential',
    execute: async (_id, spawn, _signal, _onUpdate, ctx) => {
      const cwd = spawn.cwd ?? (spawn.runner === undefined ? ctx.cwd : undefined);
      const model = spawn.model ?? (ctx.model === undefined ? undefined : `${ctx.model.provider}/${ctx.model.id}`);
      const isHere = spawn.runner === undefined && cwd !== undefined && resolve(cwd) === resolve(ctx.cwd);
      const child = await children.spawn({ ...spawn, cwd, model, isHere });
      return says(`The session ${child} is being started. You get a message when it has something to say.`);
    },
  });
  pi.registerTool({
    name: 'respond_to_trigger',
    ...inWords('respond_to_trigger'),
    label: 'Answer',
    description: 'Answers what a child session asks.',
    parameters: Type.Object({
      triggerId: Trigger,
      response: Type.Union([Type.String(), Type.Array(Type.String())], {
        description: 'The answer; a list with one to each question where there are several',
      }),
    }),
    executionMode: 'sequential',
    execute: async (_id, { triggerId, response }) => {
      children.respond(triggerId, response);
      return says('The answer is on its way.');
    },
  });
  pi.registerTool({
    name: 'escalate_trigger',
    ...inWords('escalate_trigger'),
    label: 'Hand on',
    description:
      'Hands on what a child session asks and you cannot know: to your own parent session or, without one, to the ' +
      'people. Their answer goes to the child; you need not wait.',
    parameters: Type.Object({ triggerId: Trigger, note: Type.Optional(Text('What whoever answers should know')) }),
    executionMode: 'sequential',
    execute: async (_id, { triggerId, note }) =>
      says(`Handed on to ${children.escalate(triggerId, note) === 'parent' ? 'your parent session' : 'the people'}.`),
  });
  pi.registerTool({
    name: 'tell_child',
    ...inWords('tell_child'),
    label: 'Tell',
    description: 'Sends a message to a child session: more to do, or what it should know.',
    parameters: Type.Object({ sessionId: Child, text: Text('The message') }),
    executionMode: 'sequential',
    execute: async (_id, { sessionId, text }) => {
      children.tell(sessionId, text);
      return says('The message is on its way.');
    },
  });
  pi.registerTool({
    name: 'cleanup_child_session',
    ...inWords('cleanup_child_session'),
    label: 'End',
    description: 'Ends a child session that is not needed any more, whatever it does now.',
    parameters: Type.Object({ sessionId: Child }),
    executionMode: 'sequential',
    execute: async (_id, { sessionId }) => {
      children.cleanup(sessionId);
      return says(`The session ${sessionId} is being ended.`);
    },
  });
  if (port.parentSessionId === undefined) return;
  pi.registerTool({
    name: 'escalate',
    ...inWords('escalate'),
    label: 'Ask above',
    description:
      'Tells your parent session what it should decide. Does not wait: the answer comes as a message. When you are done ' +
      'your parent reads your last words by itself; to ask a question and wait, use ask_user_question.',
    parameters: Type.Object({ text: Text('What is to be decided, understandable by itself') }),
    executionMode: 'sequential',
    execute: async (_id, { text }) => {
      parent.escalate(text);
      return says('Your parent session is told.');
    },
  });
}

/** `/delink`: a person ends the links of this session. */
export function registerDelink(core: LinkContext, children: ChildChannels): void {
  core.pi.registerCommand('delink', {
    description: 'End the links to other sessions: /delink [children | parent]',
    handler: async (args, ctx) => {
      const what = args.trim();
      if (!['', 'children', 'parent'].includes(what)) {
        return ctx.ui.notify('Usage: /delink [children | parent]', 'error');
      }
      const delinked = what === 'parent' ? 0 : children.delinkAll();
      const hasParent = what !== 'children' && core.parent !== undefined;
      if (hasParent) {
        core.emit({ type: 'delink_own_parent', at: core.port.now() });
        core.keep({ kind: 'orphan' });
      }
      const ended = delinked + (hasParent ? 1 : 0);
      ctx.ui.notify(ended === 0 ? 'No links to end' : `Links ended: ${ended}`, 'info');
    },
  });
}
