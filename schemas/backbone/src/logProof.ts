import { createHash } from 'node:crypto';
import type { StoredMessage } from './message.js';

/**
 * Headers that tell nats-server how to store a message, and mean nothing afterwards. A copy must not carry them: the
 * server would carry them out again, with the rights of the login that copies.
 */
const INSTRUCTION =
  /^(Nats-(Expected-[^:]*|Trace-[^:]*|Batch-[^:]*|Schedule[^:]*|TTL|Rollup|Incr|Marker-Reason|Required-Api-Level)|traceparent|tracestate)$/i;

/** The header lines of a message that say what it is, in their order, without the first line and the empty last one. */
export function lastingHeaders(text: string): string[] {
  return text
    .split('\r\n')
    .slice(1)
    .filter((line) => line !== '' && !INSTRUCTION.test(line.slice(0, Math.max(0, line.indexOf(':'))).trim()));
}

/** What a log holds: how many sessions and messages, and a hash of all of them. */
export interface LogSummary {
  sessions: number;
  messages: number;
  /** SHA-256 over the sessions in the order of their subjects: the subject, the number and the hash of its messages. */
  digest: string;
}

interface SessionProof {
  messages: number;
  /** SHA-256 over the hash so far and the subject, the headers and the payload of the next message. */
  digest: Buffer;
}

const EMPTY = Buffer.alloc(32);

/** Sums a log up session by session, in the order of its messages, so that two copies of it can be compared. */
export class LogProof {
  private readonly sessions = new Map<string, SessionProof>();

  add({ subject, text, payload }: StoredMessage): void {
    const { messages, digest } = this.sessions.get(subject) ?? { messages: 0, digest: EMPTY };
    const head = [subject, ...lastingHeaders(text)].join('\r\n');
    const next = createHash('sha256')
      .update(digest)
      .update(`${head.length} ${payload.byteLength}\r\n`)
      .update(head, 'latin1')
      .update(payload)
      .digest();
    this.sessions.set(subject, { messages: messages + 1, digest: next });
  }

  get summary(): LogSummary {
    const all = createHash('sha256');
    let messages = 0;
    for (const subject of [...this.sessions.keys()].sort()) {
      const proof = this.sessions.get(subject)!;
      messages += proof.messages;
      all.update(`${subject} ${proof.messages} `).update(proof.digest);
    }
    return { sessions: this.sessions.size, messages, digest: all.digest('hex') };
  }

  /** The first subject whose messages are not the same in both, or undefined when the logs are equal. */
  differsAt(other: LogProof): string | undefined {
    for (const subject of new Set([...this.sessions.keys(), ...other.sessions.keys()])) {
      const [one, two] = [this.sessions.get(subject), other.sessions.get(subject)];
      if (one?.messages !== two?.messages || !(one?.digest ?? EMPTY).equals(two?.digest ?? EMPTY)) return subject;
    }
    return undefined;
  }
}
