import { isolatedLine } from '@pizzapi/protocol';
import { notifications } from './notifications.svelte.js';
import { waiting } from './waiting.svelte.js';

/** Sessions that call the person: those that wait and are not muted. */
export function waitingCount(): number {
  return waiting.list.filter(({ session }) => !notifications.muted.has(session.sessionId)).length;
}

/** The title of a page, which has `title` from others in it, with the number of sessions that call in front: what a tab among many has room for. */
export function titled(before: string, title = '', after = ''): string {
  const text = `${before}${isolatedLine(title)}${after}`;
  const count = waitingCount();
  return count === 0 ? text : `(${count}) ${text}`;
}
