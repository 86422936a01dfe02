import type { ExtensionContext, ExtensionFactory } from '@mariozechner/pi-coding-agent';
import { errorInfo, type SessionEvent } from '@pizzapi/protocol';
import type { LinkedCommand } from '../../linked/linkedCommands.js';
import { loadLinkState } from '../../linked/linkState.js';
import { asksForPlan, messageText, questionsFor } from '../../linked/agentMessages.js';
import type { RemoteAnswerer } from '../human/promptCoordinator.js';
import type { HumanExtension } from '../human/extension.js';
import { storedEntries } from '../human/feature.js';
import type { Outcome } from '../types.js';
import { ParentChannel } from './parentChannel.js';
import { LinkContext, type LinkPort } from './linkContext.js';
import { ChildChannels } from './childChannels.js';
import { RunResultWatcher } from './runResult.js';
import { interruptedMessage, unreportedResult } from './restartRecovery.js';
import { registerDelink, registerLinkTools } from './tools.js';

interface LinkedOptions extends LinkPort {
  /** The session existed before: what an earlier process did not report is reported. */
  isResumed?: boolean;
}

type StoryOf = Pick<ExtensionContext, 'sessionManager'>;

/** The extension and what its host passes to it. */
export interface LinkedExtension {
  factory: ExtensionFactory;
  /** Between the questions of this session and its parent: for `humanExtension`. */
  forHuman: RemoteAnswerer;
  /** Where questions of children reach the people of this session. */
  useHuman(human: HumanExtension): void;
  /** Loads the state that an earlier process stored. Called before its prompts are opened again. */
  restore(story: StoryOf): void;
  /** Receives every event of the session. */
  observe(event: SessionEvent): void;
  /** Executes a command of a linked session. Idempotent. */
  take(command: LinkedCommand): Promise<Outcome>;
  /** The agent has come to rest: reports what its work came to. */
  settled(): void;
  /** The process ends: a run that ends from now on is not reported. */
  leave(): void;
}

/**
 * Linked sessions, as an extension of pi: a session starts others (`spawn_session`), answers them
 * (`respond_to_trigger`), sends them messages (`tell_child`), escalates what they ask (`escalate_trigger`) and ends them
 * (`cleanup_child_session`, `/delink`). A child reports its results to its parent, and asks the parent as well as people.
 * Each of these is an event of the session's own log, which the process manager passes to the other session. The state of
 * the links is in pi's session file.
 */
export function linkedExtension({ isResumed = false, ...port }: LinkedOptions): LinkedExtension {
  let current: Sides | undefined;
  let human: HumanExtension | undefined;
  const wanted = new Map<string, AbortController>();
  const people = {
    ask: (received: Parameters<typeof questionsFor>[0], note: string | undefined) => {
      if (human === undefined) throw new Error('Questions to people are switched off in this session.');
      if (wanted.has(received.triggerId)) throw new Error('The people are asked already.');
      human.ask(received.triggerId, questionsFor(received, note), asksForPlan(received));
    },
    close: (triggerId: string) => wanted.get(triggerId)?.abort(),
  };

  /** Dialogs by which a prompt is answered. */
  const steps = new Map<string, string>();
  let isRestored = false;
  const restore = ({ sessionManager }: StoryOf) => {
    if (current === undefined || isRestored) return;
    isRestored = true;
    const { core, parent } = current;
    const entries = sessionManager.getEntries();
    core.state = loadLinkState(storedEntries(entries), port.sessionId);
    // After the prompts are open again, because a run that waits for an answer is not over.
    queueMicrotask(() => {
      const inbox = port.inbox();
      if (!isResumed || inbox === undefined || human?.hasPendingAnswer === true || inbox.hasUnreadAnswer) return;
      const message = interruptedMessage(entries, inbox, core.state);
      if (message !== undefined) return void core.retryInterrupted(message);
      const end = core.parent === undefined ? undefined : unreportedResult(entries, port.sessionId);
      if (end !== undefined) parent.report(end.trigger, end.payload);
    });
  };

  const factory: ExtensionFactory = (pi) => {
    const core = new LinkContext(pi, port);
    const parent = new ParentChannel(core);
    const children = new ChildChannels(core, parent, people);
    const before = current;
    if (before !== undefined) core.state = before.core.state;
    current = { core, parent, children };
    registerLinkTools(core, children, parent);
    registerDelink(core, children);
    pi.on('session_start', (_event, ctx) => restore(ctx));
  };

  const watch = new RunResultWatcher(port.isIdle, ({ trigger, payload }) => {
    if (current?.core.parent !== undefined) current.parent.report(trigger, payload);
  });

  return {
    factory,
    useHuman: (there) => (human = there),
    forHuman: {
      ask: (prompt, accepts, stop) => current?.parent.ask(prompt, accepts, stop),
      settled: (prompt, how) => current?.parent.settled(prompt, how),
      wanted: (triggerId) => {
        const controller = new AbortController();
        wanted.set(triggerId, controller);
        return controller.signal;
      },
      forward: (prompt, answers) => {
        if (prompt.kind !== 'question' || prompt.forward === undefined) return;
        wanted.delete(prompt.forward);
        if (answers === undefined || current === undefined) return;
        const by = current.parent.personOf(prompt);
        current.children.respond(prompt.forward, answers.length === 1 ? answers[0] : answers, by);
      },
    },
    restore,
    observe(event) {
      watch.observe(event);
      if (event.type === 'dialog_opened' && event.promptId !== undefined) steps.set(event.dialogId, event.promptId);
      if (event.type !== 'dialog_resolved') return;
      current?.parent.heard(steps.get(event.dialogId) ?? event.dialogId, event.by);
      steps.delete(event.dialogId);
    },
    async take(command) {
      if (current === undefined) return { kind: 'failed', error: errorInfo('not_linked') };
      return take(current, command);
    },
    settled: () => watch.settled(),
    leave: () => watch.stop(),
  };
}

interface Sides {
  core: LinkContext;
  parent: ParentChannel;
  children: ChildChannels;
}

async function take({ core, parent, children }: Sides, command: LinkedCommand): Promise<Outcome> {
  switch (command.name) {
    case 'session_trigger':
      return children.received(command);
    case 'trigger_response':
      // For a trigger of this session or, from a person, for a trigger of a child.
      return core.state.received.has(command.args.triggerId)
        ? children.answeredByPerson(command)
        : parent.answered(command);
    case 'session_message': {
      const { commandId, args, by } = command;
      if (core.isAccepted(commandId)) return { kind: 'ok' };
      const { text } = args;
      // Only the process manager speaks for a session.
      const from = by.via === 'agent' ? args.from : by.userId;
      core.emit({ type: 'session_message', at: core.port.now(), from, text });
      const isParent = by.via === 'agent' && from === core.parent;
      const about = { kind: 'message', ...(by.via === 'agent' ? { sessionId: from } : {}) } as const;
      return core.deliver(commandId, messageText(by.via === 'agent' ? from : undefined, text, isParent), by, about);
    }
    case 'trigger_closed':
      return children.closed(command);
    case 'session_unlinked':
      return children.unlinked(command);
    case 'link_receipt':
      return children.receipt(command);
  }
}
