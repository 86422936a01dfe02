import { isFailure, type AgentRun } from './fold/run.js';
import { INTERRUPTED_TEXT } from './interruption.js';
import type { SessionInfo } from './info.js';
import type { NotificationKind, NotificationPrefs } from './notifications.js';

/**
 * What deserves a notification. The notifier of the projector and the notifier of an open tab decide by these rules, the
 * one from the events of the log, the other from the list of sessions.
 */

/**
 * How long a change must hold before a person is notified, in ms: a queued input continues the run at once, a script
 * answers a prompt at once.
 */
export const NOTIFICATION_SETTLE_MS = 1_500;

/** The preference that turns a kind of notification on. */
export type NotificationWish = 'agentFinished' | 'needsInput' | 'error';
export const NOTIFICATION_WISHES: Readonly<Record<NotificationKind, NotificationWish>> = {
  finished: 'agentFinished',
  input: 'needsInput',
  error: 'error',
};

/** What a notification says where nothing more is known. */
export const NOTIFICATION_TEXTS = {
  finished: 'The agent is done.',
  input: 'The agent waits for your answer.',
  failed: 'The agent could not continue.',
  hostLost: 'Its runner was lost.',
  interrupted: `${INTERRUPTED_TEXT} Open the session to continue.`,
  sessionFailed: 'The session ended with an error.',
} as const;

export interface NotificationContent {
  kind: NotificationKind;
  text: string;
}

/** The notification about a run that has ended; undefined where a person stopped it. */
export function notificationOfRun(run: AgentRun): NotificationContent | undefined {
  if (run.status === 'interrupted') return { kind: 'error', text: NOTIFICATION_TEXTS.interrupted };
  if (isFailure(run)) return { kind: 'error', text: run.error || NOTIFICATION_TEXTS.failed };
  if (run.status !== 'completed') return undefined;
  return { kind: 'finished', text: run.text || NOTIFICATION_TEXTS.finished };
}

/**
 * What the end of a session means for notifications. `withdraw`: a person ended it, so that the end of its last run is no
 * news. `keep`: nothing more than that run has ended.
 */
export function notificationOfSessionEnd(
  reason: string | undefined,
  message?: string,
): NotificationContent | 'keep' | 'withdraw' {
  if (reason === 'host_lost') return { kind: 'error', text: NOTIFICATION_TEXTS.hostLost };
  if (reason === 'error') return { kind: 'error', text: message ?? NOTIFICATION_TEXTS.sessionFailed };
  return reason === 'completed' ? 'keep' : 'withdraw';
}

/** Why a person does not want a notification, or undefined. A person without preferences wants every kind. */
export function unwantedBecause(
  kind: NotificationKind,
  sid: string,
  prefs: Pick<NotificationPrefs, NotificationWish | 'muted'> | undefined,
): 'off' | 'muted' | undefined {
  if (prefs === undefined) return undefined;
  if (!prefs[NOTIFICATION_WISHES[kind]]) return 'off';
  return prefs.muted.includes(sid) ? 'muted' : undefined;
}

/** Whether the parent session gets the result, so that no person is notified. */
export function isForParent(kind: NotificationKind, info: Pick<SessionInfo, 'parentSessionId'> | undefined): boolean {
  return kind === 'finished' && info?.parentSessionId !== undefined;
}
