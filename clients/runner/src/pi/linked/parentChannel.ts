import { createHash } from 'node:crypto';
import { errorInfo, newId, type Author, type CommandOf } from '@pizzapi/protocol';
import type { PendingPrompt } from '../../human/pending.js';
import { aboutTrigger, lateResponseText, shortened } from '../../linked/agentMessages.js';
import type { RemoteAnswer } from '../human/promptCoordinator.js';
import type { Outcome } from '../types.js';
import type { LinkContext } from './linkContext.js';

const OK: Outcome = { kind: 'ok' };
const failed = (...args: Parameters<typeof errorInfo>): Outcome => ({ kind: 'failed', error: errorInfo(...args) });

interface Waiter {
  accepts: (value: unknown) => boolean;
  answer: (answer: RemoteAnswer) => void;
}

/** What a session says to its parent, and what it hears from there. */
export class ParentChannel {
  private readonly waiters = new Map<string, Waiter>();
  /** Who answered a prompt here, until it is settled. */
  private readonly persons = new Map<string, Author>();

  constructor(private readonly core: LinkContext) {}

  /** Somebody answered a prompt here, or a step of it. */
  heard(promptId: string, by: Author): void {
    if (by.via !== 'system') this.persons.set(promptId, by);
  }

  /** Who answered a prompt, once. */
  personOf({ id }: PendingPrompt): Author | undefined {
    const by = this.persons.get(id);
    this.persons.delete(id);
    return by;
  }

  /** Asks the parent as well. Undefined where there is none, or it is not for the parent to answer. */
  ask(prompt: PendingPrompt, accepts: Waiter['accepts'], stop: AbortSignal): Promise<RemoteAnswer> | undefined {
    const asking = this.triggerOf(prompt);
    if (asking === undefined) return undefined;
    const { triggerId, trigger, payload } = asking;
    const known = this.core.state.asked.get(triggerId);
    if (known === undefined && this.core.parent === undefined) return undefined;
    const { waitMs } = this.core.port.times;
    const at = known?.at ?? this.send(triggerId, trigger, payload, { isWaiting: true }).at;
    return new Promise((resolve) => {
      if (known?.over !== undefined) return resolve({ kind: 'expired' });
      const timer = setTimeout(() => this.expire(triggerId), Math.max(0, at + waitMs - this.core.port.now()));
      const done = () => {
        clearTimeout(timer);
        this.waiters.delete(triggerId);
      };
      stop.addEventListener('abort', done, { once: true });
      this.waiters.set(triggerId, {
        accepts,
        answer: (answer) => {
          done();
          resolve(answer);
        },
      });
    });
  }

  /** A prompt is settled here: the parent need not answer, unless it did. */
  settled(prompt: PendingPrompt, how: 'answered' | 'closed' | 'left'): void {
    const triggerId = this.triggerOf(prompt)?.triggerId ?? '';
    const asked = this.core.state.asked.get(triggerId);
    if (asked === undefined || asked.over !== undefined || how === 'left') return;
    this.close(triggerId, how === 'answered' ? 'answered' : 'withdrawn', this.personOf(prompt));
  }

  /** Tells the parent something, and does not wait. Throws where there is no parent. */
  escalate(text: string): void {
    if (this.core.parent === undefined) throw new Error('This session has no parent session any more.');
    this.send(newId('t'), 'escalate', { text });
  }

  /** Hands on what a child of this session asked. The answer goes to the child. */
  handOn(of: { triggerId: string; child: string }, payload: object): void {
    this.send(newId('t'), 'escalate', payload, { of });
  }

  /** How the work went. */
  report(trigger: 'session_complete' | 'session_error', payload: object): void {
    const { core } = this;
    core.emit({
      ...{ type: 'session_trigger', at: core.port.now(), triggerId: newId('t'), kind: trigger, payload },
      ...(core.parent === undefined ? {} : { parentSessionId: core.parent }),
      ...core.inTurn(),
    });
    core.keep({ kind: 'reported' });
  }

  /** The answer to what was asked: for the tool that waits for it or, after that, for the agent to read. */
  async answered({ commandId, args, by }: CommandOf<'trigger_response'>): Promise<Outcome> {
    const { core } = this;
    const { triggerId, response } = args;
    const asked = core.state.asked.get(triggerId);
    if (asked === undefined) return failed('trigger_unknown');
    if (asked.commandId === commandId) return OK;
    const waiter = this.waiters.get(triggerId);
    const isOpen = asked.over === undefined || asked.over === 'timed_out';
    if (!isOpen || core.port.now() >= asked.expiresAt) return failed('trigger_late');
    if (waiter !== undefined && !waiter.accepts(response)) return failed('dialog_invalid_answer');
    // Only the process manager speaks for another; whoever answers here is who sent it.
    const person = by.via === 'agent' ? args.by : by;
    const said = { triggerId, response, ...(person === undefined ? {} : { by: person }) };
    core.emit({ type: 'trigger_response', at: core.port.now(), ...said });
    // Answered here by a person: the parent does not know of it.
    if (by.via !== 'agent') core.emit({ type: 'trigger_closed', at: core.port.now(), triggerId, how: 'answered', by });
    core.keep({ kind: 'asked_over', triggerId, how: 'answered', commandId });
    if (asked.of !== undefined) {
      const { triggerId: theirs, child } = asked.of;
      const handedOn = {
        ...said,
        triggerId: theirs,
        to: child,
        ...(by.guests === undefined ? {} : { guests: by.guests }),
      };
      core.emit({ type: 'trigger_response', at: core.port.now(), ...handedOn });
      core.keep({ kind: 'received_over', triggerId: theirs, how: 'answered' });
      return OK;
    }
    if (waiter === undefined) {
      // A person who answers here is no parent session.
      const parent = by.via === 'agent' && core.parent !== undefined ? { sessionId: core.parent } : {};
      const about = { kind: by.via === 'agent' ? 'response' : 'answer', ...parent } as const;
      return core.deliver(commandId, lateResponseText(asked.about, response), by, about);
    }
    core.port.heard(by);
    waiter.answer({ kind: 'answer', value: response });
    return OK;
  }

  /** What this session handed on is answered otherwise: nobody else need answer. */
  withdraw(triggerId: string): void {
    for (const asked of this.core.state.asked.values()) {
      if (asked.of?.triggerId === triggerId && asked.over === undefined) this.close(asked.triggerId, 'withdrawn');
    }
  }

  private expire(triggerId: string): void {
    const waiter = this.waiters.get(triggerId);
    if (waiter === undefined) return;
    this.close(triggerId, 'timed_out');
    waiter.answer({ kind: 'expired' });
  }

  private close(triggerId: string, how: 'answered' | 'timed_out' | 'withdrawn', by?: Author): void {
    const who = by === undefined ? {} : { by };
    this.core.emit({ type: 'trigger_closed', at: this.core.port.now(), triggerId, how, ...who });
    this.core.keep({ kind: 'asked_over', triggerId, how });
  }

  /** On the disk before it is kept: a process that dies in between asks again under the same id. */
  private send(
    triggerId: string,
    trigger: string,
    payload: object,
    { of, isWaiting = false }: { of?: { triggerId: string; child: string }; isWaiting?: boolean } = {},
  ): { at: number } {
    const { core } = this;
    const at = core.port.now();
    const { answerMs, waitMs } = core.port.times;
    const expiresAt = at + answerMs;
    core.emit({
      ...{ type: 'session_trigger', at, triggerId, kind: trigger, payload, expiresAt },
      ...(isWaiting ? { waitsUntil: at + waitMs } : {}),
      ...(core.parent === undefined ? {} : { parentSessionId: core.parent }),
      ...core.inTurn(),
    });
    const about = shortened(aboutTrigger(trigger, payload));
    core.keep({ kind: 'asked', triggerId, trigger, about, at, expiresAt, of });
    return { at };
  }

  /** What a prompt is to the parent. The same prompt is the same trigger, in whatever process. */
  private triggerOf(prompt: PendingPrompt): { triggerId: string; trigger: string; payload: object } | undefined {
    const hash = createHash('sha256').update(`${this.core.port.sessionId} ${prompt.id}`).digest('hex');
    const triggerId = `t_${hash.slice(0, 20)}`;
    if (prompt.kind === 'question' && prompt.forward === undefined) {
      return { triggerId, trigger: 'ask_user_question', payload: { questions: prompt.questions } };
    }
    return prompt.kind === 'plan' ? { triggerId, trigger: 'plan_review', payload: { plan: prompt.plan } } : undefined;
  }
}
