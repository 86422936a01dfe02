import { notifications } from './notifications.svelte.js';
import { waiting } from './waiting.svelte.js';

/** Sessions that call the person: those that wait and are not muted. */
export function waitingCount(): number {
  return waiting.list.filter(({ session }) => !notifications.muted.has(session.sessionId)).length;
}

/** The title of a page, with the number of sessions that call in front: what a tab among many has room for. */
export function titled(text: string): string {
  const count = waitingCount();
  return count === 0 ? text : `(${count}) ${text}`;
}
