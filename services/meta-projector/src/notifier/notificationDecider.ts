import {
  BoundedMap,
  evolveRun,
  initialAgentRun,
  mapAt,
  NOTIFICATION_SETTLE_MS,
  notificationOfRun,
  notificationOfSessionEnd,
  stringAt,
  stripMarkdown,
  type AgentRun,
  type NotificationKind,
  type UnknownMap,
} from '@pizzapi/protocol';
import { promptText, shortBody } from './notificationText.js';

/** Age in ms from which an event causes no notification. */
const MAX_AGE_MS = 10 * 60_000;
/** Sessions whose last words are remembered, and prompts that were told of. */
const SESSIONS_KEPT = 5_000;
const PROMPTS_KEPT = 10_000;
const EVENTS_KEPT = 10_000;
/** Prompts of one session that are told of while none is answered. */
const OPEN_PER_SESSION = 20;

/** The events that notifications are made of. */
export const NOTIFIER_EVENTS = [
  ...['agent_start', 'agent_end', 'message_end', 'auto_retry_start', 'compaction_start', 'compaction_end'],
  ...['dialog_opened', 'dialog_resolved', 'question_pending', 'question_cleared', 'plan_pending', 'plan_cleared'],
  ...['approval_pending', 'approval_cleared', 'plugin_trust_required', 'plugin_trust_resolved'],
  ...['session_trigger', 'trigger_response', 'trigger_closed', 'session_resumed', 'session_ended'],
  'run_interrupted',
] as const;

/** A fact, as it came. */
export interface SessionEventRecord {
  sid: string;
  /** Names the event for ever. */
  msgId: string;
  /** When it was stored, ms since epoch. */
  at: number;
  event: UnknownMap;
}

/** Something to tell the person whose session it is. */
export interface NotificationNotice {
  sid: string;
  kind: NotificationKind;
  body: string;
  /** When it happened, ms since epoch. */
  at: number;
}

interface Waiting extends NotificationNotice {
  /** Undefined while what comes after the run is still under way. */
  dueAt: number | undefined;
  /** The prompt it is about. */
  promptId?: string;
}

interface Session {
  /** Prompts that wait for a person. */
  open: Set<string>;
  /** Those that the agent does not wait for. */
  apart: Set<string>;
  /** The run of its agent. The text is kept as a notification shows it. */
  run: AgentRun;
}

const NEEDS_NOBODY: readonly unknown[] = ['notify', 'status', 'widget'];

export interface NotificationDeciderOptions {
  settleMs?: number | undefined;
  maxAgeMs?: number;
}

/**
 * Which facts are worth a notification. Pure: time is what it is told. What it decides waits a moment and may be taken
 * back by what follows; `due` hands out what held. Each event counts once, each prompt is told of once.
 */
export class NotificationDecider {
  private readonly sessions = new BoundedMap<string, Session>(SESSIONS_KEPT);
  private readonly notifiedPrompts = new BoundedMap<string, true>(PROMPTS_KEPT);
  private readonly seen = new BoundedMap<string, true>(EVENTS_KEPT);
  private readonly waiting = new Map<string, Waiting>();
  private readonly settleMs: number;
  private readonly maxAgeMs: number;

  constructor({ settleMs = NOTIFICATION_SETTLE_MS, maxAgeMs = MAX_AGE_MS }: NotificationDeciderOptions = {}) {
    this.settleMs = settleMs;
    this.maxAgeMs = maxAgeMs;
  }

  /** When `due` has something to hand out next; undefined while nothing waits. */
  get nextAt(): number | undefined {
    const times = [...this.waiting.values()].flatMap(({ dueAt }) => (dueAt === undefined ? [] : [dueAt]));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** How much waits. */
  get size(): number {
    return this.waiting.size;
  }

  /** What has held long enough, `limit` at most. With Infinity for now: everything that waits. */
  due(now: number, limit = Infinity): NotificationNotice[] {
    const ready = [...this.waiting].filter(([, { dueAt = Infinity }]) => dueAt <= now).slice(0, limit);
    return ready.map(([key, { sid, kind, body, at, promptId }]) => {
      this.waiting.delete(key);
      if (promptId !== undefined) this.notifiedPrompts.set(`${sid} ${promptId}`, true);
      return { sid, kind, body, at };
    });
  }

  /** Takes in one fact. */
  onEvent({ sid, msgId, at, event }: SessionEventRecord, now: number): void {
    if (this.seen.get(msgId) !== undefined) return;
    this.seen.set(msgId, true);
    const session = this.sessionOf(sid);
    const type = stringAt(event, 'type') ?? '';
    const notify = (kind: NotificationKind, body: string, promptId?: string): void => {
      if (now - at > this.maxAgeMs) return;
      const notice = { sid, kind, body, at, dueAt: now + this.settleMs };
      this.waiting.set(keyOf(sid, promptId), { ...notice, ...(promptId === undefined ? {} : { promptId }) });
    };
    const opened = openedBy(type, event);
    const closed = closedBy(type, event);
    if (opened !== undefined) {
      if (session.open.size >= OPEN_PER_SESSION) return;
      session.open.add(opened);
      if (type === 'plugin_trust_required') session.apart.add(opened);
      if (this.notifiedPrompts.get(`${sid} ${opened}`) === undefined) notify('input', promptText(event), opened);
    } else if (closed !== undefined) {
      session.open.delete(closed);
      session.apart.delete(closed);
      this.waiting.delete(keyOf(sid, closed));
    } else this.onRun(type, { sid, session, event, now, notify });
  }

  private onRun(type: string, { sid, session, event, now, notify }: Run): void {
    const run = keyOf(sid);
    const end = this.waiting.get(run);
    const before = session.run.status;
    session.run = withShortText(session.run, evolveRun(session.run, event));
    // A run that works again has not ended: its notification is withdrawn.
    if (session.run.status === 'working') this.waiting.delete(run);
    // A run that waited for a person is continued by the answer, which is asked for again.
    if (session.run.status === 'interrupted' && before !== 'interrupted' && !isWaiting(session))
      notifyOfEnd(session.run, notify);
    switch (type) {
      case 'agent_end':
        // A pending prompt has a notification of its own, and so has the stop of the host.
        if (isWaiting(session) || session.run.status === 'interrupted') return;
        return notifyOfEnd(session.run, notify);
      case 'compaction_start':
        if (end !== undefined) end.dueAt = undefined;
        return;
      case 'compaction_end':
        if (end !== undefined) end.dueAt = now + this.settleMs;
        return;
      case 'session_resumed':
        // Another process: it asks again what it still wants.
        return this.closeAll(sid, session);
      case 'session_ended':
        this.closeAll(sid, session);
        return this.onEnded(run, event, notify);
    }
  }

  private onEnded(run: string, event: UnknownMap, notify: Run['notify']): void {
    const content = notificationOfSessionEnd(stringAt(event, 'reason'), stringAt(event, 'message'));
    if (content === 'withdraw') this.waiting.delete(run);
    else if (content !== 'keep') notify(content.kind, shortBody(content.text));
  }

  private closeAll(sid: string, session: Session): void {
    for (const promptId of session.open) this.waiting.delete(keyOf(sid, promptId));
    session.open.clear();
    session.apart.clear();
  }

  private sessionOf(sid: string): Session {
    const known = this.sessions.get(sid) ?? { open: new Set(), apart: new Set(), run: initialAgentRun() };
    this.sessions.set(sid, known);
    return known;
  }
}

interface Run {
  sid: string;
  session: Session;
  event: UnknownMap;
  now: number;
  notify: (kind: NotificationKind, body: string) => void;
}

/** A session has one end of a run that waits, and one notice for each prompt. */
const keyOf = (sid: string, promptId = ''): string => `${sid} ${promptId}`;

/** Whether the agent waits for a person. */
const isWaiting = ({ open, apart }: Session): boolean => open.size > apart.size;

function withShortText(before: AgentRun, { text, ...run }: AgentRun): AgentRun {
  return { ...run, text: text === before.text ? text : shortBody(stripMarkdown(text)) };
}

function notifyOfEnd(run: AgentRun, notify: Run['notify']): void {
  const content = notificationOfRun(run);
  if (content !== undefined) notify(content.kind, shortBody(content.text));
}

/** The prompt that an event opens. Steps of a prompt are dialogs too, and open nothing of their own. */
function openedBy(type: string, event: UnknownMap): string | undefined {
  const inside = (field: string, id: string) => stringAt(mapAt(event, field) ?? {}, id);
  switch (type) {
    case 'question_pending':
      return inside('question', 'toolCallId');
    case 'plan_pending':
      return inside('plan', 'toolCallId');
    case 'approval_pending':
      return inside('approval', 'promptId');
    case 'plugin_trust_required':
      return inside('prompt', 'promptId');
    case 'dialog_opened':
      return NEEDS_NOBODY.includes(event['method']) || event['promptId'] !== undefined
        ? undefined
        : stringAt(event, 'dialogId');
    case 'session_trigger':
      return event['kind'] === 'escalate' ? stringAt(event, 'triggerId') : undefined;
    default:
      return undefined;
  }
}

function closedBy(type: string, event: UnknownMap): string | undefined {
  switch (type) {
    case 'question_cleared':
    case 'plan_cleared':
      return stringAt(event, 'toolCallId');
    case 'approval_cleared':
    case 'plugin_trust_resolved':
      return stringAt(event, 'promptId');
    case 'dialog_resolved':
      return stringAt(event, 'dialogId');
    case 'trigger_response':
    case 'trigger_closed':
      return stringAt(event, 'triggerId');
    default:
      return undefined;
  }
}
