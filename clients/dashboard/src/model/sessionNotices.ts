import {
  isForParent,
  NOTIFICATION_TEXTS,
  notificationOfSessionEnd,
  type NotificationKind,
  type SessionInfo,
} from '@pizzapi/protocol';

/** Something that happened in a session and that a person may want to hear of. */
export interface SessionNotice {
  kind: NotificationKind;
  session: SessionInfo;
}

type Sessions = ReadonlyMap<string, SessionInfo>;

/** What is new between two looks at the list. Sessions that were not there before are told of only if they wait. */
export function detectNotices(before: Sessions, now: Sessions): SessionNotice[] {
  const news: SessionNotice[] = [];
  for (const session of now.values()) {
    const kind = kindOf(before.get(session.sessionId), session);
    if (kind !== undefined) news.push({ kind, session });
  }
  return news;
}

function kindOf(before: SessionInfo | undefined, now: SessionInfo): NotificationKind | undefined {
  if (before === now) return undefined;
  if (now.state === 'waiting') {
    // An account that may only watch cannot answer.
    if (now.shared?.mode === 'read') return undefined;
    // Who answers the first of several questions is at it: the next of them is no news.
    const goesOn = before?.waiting.some((id) => now.waiting.includes(id)) ?? false;
    return goesOn ? undefined : 'input';
  }
  if (before === undefined || before.state === 'ended') return undefined;
  if (now.interrupted === true) return before.interrupted === true ? undefined : 'error';
  const isDone = before.busy && !isForParent('finished', now);
  if (now.state === 'ended') {
    const content = notificationOfSessionEnd(now.endReason);
    if (typeof content === 'object') return content.kind;
    return content === 'keep' && isDone ? 'finished' : undefined;
  }
  return isDone && now.state === 'idle' ? 'finished' : undefined;
}

/** Whether it still is so: an agent that was done for a moment has gone on, a question was answered at once. */
export function isStillTrue({ kind }: SessionNotice, now: SessionInfo | undefined): boolean {
  if (now === undefined) return false;
  return kind === 'input' ? now.state === 'waiting' : !now.busy;
}

/** What somebody is told of it. `detail`: what it waits for, or what the agent said last, where that is known. */
export function sentenceOf({ kind, session }: SessionNotice, detail = ''): string {
  if (kind !== 'error') return detail || NOTIFICATION_TEXTS[kind];
  if (session.interrupted === true) return NOTIFICATION_TEXTS.interrupted;
  const content = session.state === 'ended' ? notificationOfSessionEnd(session.endReason, detail || undefined) : 'keep';
  return typeof content === 'object' ? content.text : detail || NOTIFICATION_TEXTS.failed;
}

export interface PageState {
  /** The tab is not in sight. */
  hidden: boolean;
  /** The session whose page is open in it. */
  sid: string | undefined;
  /** The page that lists who waits, and what they ask, is open in it. */
  home: boolean;
  /** A notification of this tab may be shown: the person allows it, and no push comes to this browser. */
  mayNotify: boolean;
}

/** Where news belong, unless they are seen already. A tab out of sight keeps its toast until somebody is back. */
export function chooseChannels({ kind, session }: SessionNotice, eyes: PageState): { toast: boolean; notify: boolean } {
  const inView = eyes.sid === session.sessionId || (eyes.home && kind === 'input');
  return { toast: eyes.hidden || !inView, notify: eyes.hidden && eyes.mayNotify };
}
