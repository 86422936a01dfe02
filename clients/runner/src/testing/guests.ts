import type { Author, GuestRef } from '@pizzapi/protocol';
import type { TestSession } from '../pi/testKit.js';

/** A guest who may write, and one who may approve as well. */
export const BOB: Author = { userId: 'guest_sh_bob', via: 'collab', name: 'Bob' };
export const EVE: Author = { userId: 'guest_sh_eve', via: 'collab', name: 'Eve', right: 'approve' };

/** A guest by the link of a session. */
export const ref = (name: string, sessionId = 'p'): GuestRef => ({
  shareId: `sh_${name.toLowerCase()}`,
  sessionId,
  name,
});

let count = 0;

/** Sends an input as the worker passes it on. Its id is `g1` for the first one of a file, and so on. */
export const sends = ({ session }: TestSession, by: Author, text: string, deliverAs: 'steer' | 'followUp' = 'steer') =>
  session.submitInput({ commandId: `g${++count}`, text, by, deliverAs });

/** The ids of the inputs that were sent, counted from the last one: 0 is the last one. */
export const sentIds = (...back: number[]): string[] => back.map((n) => `g${count - n}`);

/** The texts of the user messages that the agent has read. */
export const read = ({ log }: TestSession): string[] =>
  log
    .all('message_end')
    .filter(({ message }) => message.role === 'user')
    .map(({ message }) => (message.content as { text?: string }[]).map((block) => block.text ?? '').join(''));
