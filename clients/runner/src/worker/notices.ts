import { newId, type EventOf } from '@pizzapi/protocol';

/** A notice of the host for the people who watch a session. */
export function notice(title: string, level: 'info' | 'warning' | 'error'): EventOf<'dialog_opened'> {
  return { type: 'dialog_opened', at: Date.now(), dialogId: newId('d'), method: 'notify', title, level };
}

/** Sets the line of status about pi itself; an empty text removes it. */
export function piStatus(title: string): EventOf<'dialog_opened'> {
  return { type: 'dialog_opened', at: Date.now(), dialogId: newId('d'), method: 'status', key: 'pi', title };
}
