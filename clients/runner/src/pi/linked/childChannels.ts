import { ASKING_TRIGGERS, errorInfo, newId, type Author, type CommandOf, type ErrorInfo } from '@pizzapi/protocol';
import type { IncomingTrigger } from '../../linked/linkState.js';
import { asksForPlan, triggerText, undeliveredText } from '../../linked/agentMessages.js';
import type { Outcome } from '../types.js';
import type { ParentChannel } from './parentChannel.js';
import type { LinkContext } from './linkContext.js';

/** Children that are linked to one session, at most. */
const MAX_CHILDREN = 32;
const OK: Outcome = { kind: 'ok' };

interface Spawn {
  prompt: string;
  name?: string | undefined;
  cwd?: string | undefined;
  model?: string | undefined;
  runner?: string | undefined;
  /** It works in this session's own folder. */
  isHere: boolean;
}

/** Asks the people of this session what a child wants to know. */
type AskPeople = (received: IncomingTrigger, note: string | undefined) => void;

/** What a session says to its children, and what it hears from them. */
export class ChildChannels {
  constructor(
    private readonly core: LinkContext,
    private readonly parent: ParentChannel,
    private readonly people: { ask: AskPeople; close: (triggerId: string) => void },
  ) {}

  /**
   * Has a child started, and returns its id at once. What this session may not do, and not without an approval, the
   * child may not either.
   */
  async spawn({ prompt, name, cwd, model, runner, isHere }: Spawn): Promise<string> {
    const { core } = this;
    const approvals = await core.port.approvalsFor(isHere);
    const limits = { ...core.port.limits, ...(approvals === undefined ? {} : { approvals }) };
    if (core.state.children.size >= MAX_CHILDREN) {
      throw new Error(`This session has ${MAX_CHILDREN} children. End one with cleanup_child_session first.`);
    }
    const sessionId = newId();
    core.keep({ kind: 'child', child: sessionId, name });
    core.emit({
      ...{ type: 'session_spawn', at: core.port.now(), spawnId: newId('n'), sessionId, prompt },
      ...(name === undefined ? {} : { name }),
      ...(cwd === undefined ? {} : { cwd }),
      ...(model === undefined ? {} : { model }),
      ...(runner === undefined ? {} : { runnerId: runner }),
      ...(Object.keys(limits).length === 0 ? {} : { pi: limits }),
      ...core.inTurn(),
    });
    return sessionId;
  }

  /** Answers a child. Throws why it cannot be answered. */
  respond(triggerId: string, response: unknown, by?: Author): void {
    const problem = this.problem(triggerId);
    if (problem !== undefined) throw new Error(problem.message);
    const received = this.core.state.received.get(triggerId);
    if (by === undefined && received !== undefined && asksForPlan(received) && !this.core.port.mayApprove()) {
      throw new Error('A guest who may not approve is part of this turn. Hand the plan on with escalate_trigger.');
    }
    this.answer(triggerId, response, { by });
  }

  /** A person answers a child in the place of this session's agent. */
  answeredByPerson({ commandId, args, by }: CommandOf<'trigger_response'>): Outcome {
    if (this.core.state.received.get(args.triggerId)?.commandId === commandId) return OK;
    const problem = this.problem(args.triggerId);
    if (problem !== undefined) return { kind: 'failed', error: problem };
    this.answer(args.triggerId, args.response, { by, commandId });
    return OK;
  }

  /** Throws where the session is no child of this one. */
  tell(child: string, text: string): void {
    const { core } = this;
    this.mustBeChild(child);
    const from = core.port.sessionId;
    core.emit({
      type: 'session_message',
      at: core.port.now(),
      from,
      text,
      to: child,
      messageId: newId('m'),
      ...core.inTurn(),
    });
  }

  cleanup(child: string): void {
    this.mustBeChild(child);
    this.core.emit({ type: 'cleanup_child_session', at: this.core.port.now(), sessionId: child });
    this.over(child);
  }

  /** Ends the links to all children; the number of them. */
  delinkAll(): number {
    const children = [...this.core.state.children.keys()];
    if (children.length > 0) this.core.emit({ type: 'delink_children', at: this.core.port.now() });
    for (const child of children) this.over(child);
    return children.length;
  }

  /** Hands a trigger on: to the parent of this session or, without one, to its people. */
  escalate(triggerId: string, note: string | undefined): 'parent' | 'people' {
    const problem = this.problem(triggerId);
    if (problem !== undefined) throw new Error(problem.message);
    const received = this.core.state.received.get(triggerId)!;
    if (this.core.parent === undefined) {
      this.people.ask(received, note);
      return 'people';
    }
    const { child, trigger, payload } = received;
    const text = triggerText(received).split('\n\nAnswer with')[0] ?? '';
    const said = note === undefined || note === '' ? text : `${text}\n\n${note}`;
    this.parent.handOn({ triggerId, child }, { text: said, of: { triggerId, sessionId: child, trigger, payload } });
    return 'parent';
  }

  /** A child asks or tells something. */
  async received({ commandId, args, by }: CommandOf<'session_trigger'>): Promise<Outcome> {
    const { core } = this;
    const { triggerId, kind, sessionId, payload, expiresAt, waitsUntil } = args;
    // A child that asks at once may not be in any list yet: what it was called when it was started is its name.
    const name = args.name ?? core.state.children.get(sessionId);
    const received = { triggerId, child: sessionId, trigger: kind, name, payload, expiresAt };
    const about = { kind: 'trigger', trigger: kind, ...this.named(sessionId, name) } as const;
    // Heard by a process that died: what it had not handed to its agent yet is handed now, once.
    if (core.state.received.has(triggerId)) return core.deliver(commandId, triggerText(received), by, about);
    core.emit({
      ...{ type: 'trigger_received', at: core.port.now(), triggerId, kind, sessionId },
      ...(payload === undefined ? {} : { payload }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(waitsUntil === undefined ? {} : { waitsUntil }),
    });
    core.keep({ kind: 'received', ...received });
    return core.deliver(commandId, triggerText(received), by, about);
  }

  /** A child's trigger is settled by somebody else, or nobody. */
  closed({ args }: CommandOf<'trigger_closed'>): Outcome {
    const { core } = this;
    const { triggerId, sessionId, how, by } = args;
    const received = core.state.received.get(triggerId);
    if (received?.over === how) return OK;
    const who = by === undefined ? {} : { by };
    core.emit({ type: 'trigger_closed', at: core.port.now(), triggerId, how, sessionId, ...who });
    if (received !== undefined) core.keep({ kind: 'received_over', triggerId, how });
    this.parent.withdraw(triggerId);
    this.people.close(triggerId);
    return OK;
  }

  /** The other has ended the link. */
  unlinked({ args: { sessionId } }: CommandOf<'session_unlinked'>): Outcome {
    const { core } = this;
    const isParent = core.parent === sessionId;
    if (!isParent && !core.state.children.has(sessionId)) return OK;
    core.emit({ type: 'session_unlinked', at: core.port.now(), sessionId });
    if (isParent) core.keep({ kind: 'orphan' });
    else this.over(sessionId);
    return OK;
  }

  /** What became of something that this session sent. The agent reads of what did not arrive. */
  async receipt({ commandId, args, by }: CommandOf<'link_receipt'>): Promise<Outcome> {
    const { core } = this;
    const { requestId, to, outcome, error } = args;
    // Told and handed over by a process that died.
    if (core.isAccepted(commandId)) return OK;
    const said = error === undefined ? {} : { error };
    core.emit({ type: 'link_receipt', at: core.port.now(), requestId, to, outcome, ...said });
    if (outcome === 'queued' || outcome === 'delivered') return OK;
    const what = this.whatWas(requestId, to);
    if (what === undefined) return OK;
    const about = { kind: 'undelivered', ...this.named(to, core.state.children.get(to)) } as const;
    if (what.isChildGone) this.over(to);
    return core.deliver(commandId, undeliveredText(what.text, to, outcome, error?.message), by, about);
  }

  private named(sessionId: string, name: string | undefined): { sessionId: string; name?: string } {
    return { sessionId, ...(name === undefined || name === '' ? {} : { name }) };
  }

  /** What a receipt is about, where the agent wants to know that it failed. */
  private whatWas(requestId: string, to: string): { text: string; isChildGone?: boolean } | undefined {
    if (requestId.startsWith('n_')) return { text: 'The prompt to start', isChildGone: true };
    if (requestId.startsWith('m_')) return { text: 'Your message to' };
    if (requestId === to) return { text: 'Your wish to end' };
    return this.core.state.received.has(requestId) ? { text: `Your answer to the trigger ${requestId} of` } : undefined;
  }

  private problem(triggerId: string): ErrorInfo | undefined {
    const received = this.core.state.received.get(triggerId);
    if (received === undefined) return errorInfo('trigger_unknown', `There is no trigger "${triggerId}"`);
    const { trigger, over, expiresAt = Infinity } = received;
    if (!ASKING_TRIGGERS.includes(trigger)) {
      return errorInfo('trigger_unknown', `"${trigger}" wants no answer; use tell_child to give the child more to do`);
    }
    if (over === 'timed_out' && this.core.port.now() < expiresAt) return undefined;
    if (over !== undefined) return errorInfo('trigger_late', 'It was answered already');
    return this.core.port.now() >= expiresAt ? errorInfo('trigger_late', 'The time to answer is over') : undefined;
  }

  private answer(
    triggerId: string,
    response: unknown,
    { by, commandId }: { by?: Author | undefined; commandId?: string },
  ): void {
    const { core } = this;
    const { child } = core.state.received.get(triggerId)!;
    const who = by === undefined ? {} : { by };
    const said = { triggerId, response, to: child, ...who, ...core.inTurn() };
    core.emit({ type: 'trigger_response', at: core.port.now(), ...said });
    core.keep({ kind: 'received_over', triggerId, how: 'answered', commandId });
    this.parent.withdraw(triggerId);
    this.people.close(triggerId);
  }

  private mustBeChild(sid: string): void {
    if (this.core.state.children.has(sid)) return;
    const all = [...this.core.state.children.keys()].join(', ');
    throw new Error(`"${sid}" is no child of this session. ${all === '' ? 'It has none.' : `Its children: ${all}`}`);
  }

  private over(child: string): void {
    this.core.keep({ kind: 'child_over', child });
  }
}
