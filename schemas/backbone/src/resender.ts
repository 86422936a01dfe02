import type { Msg } from '@nats-io/nats-core';
import { writtenText } from './message.js';
import {
  ACK_TIMEOUT_MS,
  answerOf,
  CUT_OFF,
  NO_ANSWER,
  type Link,
  type PublishAnswer,
  type PublishJob,
  type PublishOutcome,
} from './publishAnswer.js';

/**
 * After how long a message without an answer is sent again, in ms; then after twice as long, and so on. A leader that
 * steps down or dies answers nothing for what it had in hand.
 */
const RESEND_MS = 200;
/** The pause before a message is sent again that no leader took, in ms. */
const NO_LEADER_PAUSE_MS = 100;
/** The pauses before a message is sent again that was refused because another is in hand; then it is a conflict. */
const IN_HAND_PAUSES_MS = [10, 20, 50, 100, 200, 400];
/** How often the messages are examined, in ms. */
const TICK_MS = 25;

/** The headers that make a message safe to send again: the server stores it once. */
const SAFE = /\r\nNats-(Msg-Id|Expected-Last-(Subject-)?Sequence): /;

/** A message on its way to a replicated stream. */
interface Sending {
  job: PublishJob;
  /** The requests that carry the message. */
  tokens: string[];
  /** How many of them were answered. */
  answers: number;
  deadline: number;
  /** When to send it again, in ms since epoch. */
  resendAt: number;
  pauseMs: number;
  /** How often the leader refused it because another message is in hand. */
  refusals: number;
  /** Why no leader took it, where the last answer says that. */
  refusedFor: string | undefined;
  isOver: boolean;
}

/**
 * Sends messages to the streams of a cluster. A message whose answer does not come is sent again: the leader that had it
 * may have stepped down, and nothing else shows that. The answer to any copy is the answer.
 */
export class Resender {
  private readonly all = new Set<Sending>();
  private ticking: NodeJS.Timeout | undefined;

  constructor(
    private readonly link: Link,
    private readonly settle: (job: PublishJob, outcome: PublishOutcome) => void,
  ) {}

  send(job: PublishJob): void {
    const now = Date.now();
    const sending: Sending = {
      job,
      tokens: [],
      answers: 0,
      deadline: now + ACK_TIMEOUT_MS,
      resendAt: now + RESEND_MS,
      pauseMs: RESEND_MS,
      refusals: 0,
      refusedFor: undefined,
      isOver: false,
    };
    // Throws for a message that is too large. So such a message is not added.
    this.sendCopy(sending);
    this.all.add(sending);
    if (this.ticking !== undefined) return;
    // After a standstill timers run before the sockets are read: answers that have come meanwhile count.
    this.ticking = setInterval(() => setImmediate(() => this.tick()), TICK_MS);
    this.ticking.unref();
  }

  private sendCopy(sending: Sending): void {
    const { subject, payload, headers } = sending.job;
    const { mux } = this.link;
    // `tick` ends the wait, not the time limit of the request.
    const token = mux.request(subject, payload, headers, 2 * ACK_TIMEOUT_MS, (reply) => {
      mux.done(token);
      this.receive(sending, reply);
    });
    sending.tokens.push(token);
  }

  private receive(sending: Sending, reply: Msg | undefined): void {
    if (sending.isOver) return;
    sending.answers++;
    const answer: PublishAnswer | undefined = reply === undefined ? undefined : answerOf(reply);
    if (answer === undefined) return this.finish(sending, CUT_OFF);
    if (answer.kind === 'stored') this.link.answered('write');
    switch (answer.kind) {
      case 'stored':
        return this.finish(sending, sending.tokens.length > 1 ? { ...answer, isResent: true } : answer);
      case 'no_leader':
        sending.refusedFor = answer.reason;
        sending.resendAt = Date.now() + NO_LEADER_PAUSE_MS;
        return;
      case 'in_hand': {
        const pause = IN_HAND_PAUSES_MS[sending.refusals++];
        if (pause === undefined) {
          this.finish(sending, { kind: 'conflict' });
          // A leader that is cut off has each message in hand for ever.
          return this.link.unanswered('write', sending.deadline - ACK_TIMEOUT_MS);
        }
        sending.resendAt = Date.now() + pause;
        return;
      }
      default:
        this.finish(sending, answer);
    }
  }

  private finish(sending: Sending, outcome: PublishOutcome): void {
    sending.isOver = true;
    this.all.delete(sending);
    for (const token of sending.tokens) this.link.mux.done(token);
    this.settle(sending.job, outcome);
  }

  private tick(): void {
    const now = Date.now();
    for (const sending of this.all) {
      if (sending.deadline <= now) this.giveUp(sending);
      else if (sending.resendAt <= now) this.resend(sending, now);
    }
    if (this.all.size > 0) return;
    clearInterval(this.ticking);
    this.ticking = undefined;
  }

  private resend(sending: Sending, now: number): void {
    sending.pauseMs *= 2;
    sending.resendAt = now + sending.pauseMs;
    if (isSafe(sending.job) && this.link.status() === 'connected') this.sendCopy(sending);
  }

  private giveUp(sending: Sending): void {
    this.finish(sending, this.lastWord(sending));
    this.link.unanswered('write', sending.deadline - ACK_TIMEOUT_MS);
  }

  /** An earlier copy without an answer may have been stored. */
  private lastWord({ refusedFor, tokens, answers }: Sending): PublishOutcome {
    return refusedFor === undefined
      ? NO_ANSWER
      : { kind: 'unavailable', reason: refusedFor, isUncertain: answers < tokens.length };
  }
}

const isSafe = ({ headers }: PublishJob): boolean => SAFE.test(writtenText(headers));
