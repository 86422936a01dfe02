import {
  ownerOf,
  readLease,
  readSessionRow,
  replay,
  sessionRowKey,
  sessionRows,
  shareLinkStateOf,
  type Backbone,
} from '@pizzapi/backbone';
import { isId, offsetBeforeLast, type GuestRef, type SessionEvent } from '@pizzapi/protocol';
import { isLinkCommand, type SessionEndpoint } from './commands.js';
import type { DecisionContext } from './decide.js';
import { eventOf, type AnyLinkEvent } from './linkEvents.js';
import type { ParentLink, ParentLinks } from './parentLinks.js';

/** How many of a session's last events are searched for what it reported to its parent. */
const REPORTED_WITHIN = 200;

/** Looks up what an event is decided by. Undefined: the event is in the log of a session without an owner. */
export async function decisionContextOf(
  b: Backbone,
  links: ParentLinks,
  linkEvent: AnyLinkEvent,
  now: number,
): Promise<DecisionContext | undefined> {
  const { sid, event } = linkEvent;
  const sender = await endpointOf(b, sid);
  if (sender === undefined) return undefined;
  const guests = await guestsOf(b, links, linkEvent);
  const known: DecisionContext = { now, sender, ...(await standingOf(b, guests, sender.userId, now)) };
  switch (event.type) {
    case 'session_spawn':
      return { ...known, ...(await spawnTarget(b, links, event.sessionId, event.runnerId ?? sender.runnerId, sid)) };
    case 'session_trigger':
    case 'trigger_closed':
    case 'delink_own_parent':
      return { ...known, parent: await parentOf(b, links, sender) };
    case 'session_ended': {
      const parent = await parentOf(b, links, sender);
      return { ...known, parent, hasReported: parent !== undefined && (await isTold(b, linkEvent)) };
    }
    case 'trigger_response':
      return { ...known, child: await childOf(b, links, sender, event.to) };
    case 'session_message': {
      const child = await childOf(b, links, sender, event.to);
      return { ...known, child, parent: child === undefined ? await parentOf(b, links, sender) : undefined };
    }
    case 'cleanup_child_session':
      return { ...known, child: await childOf(b, links, sender, event.sessionId) };
    case 'delink_children': {
      const sids = await links.childrenOf(sid);
      const children = await Promise.all(sids.map((child) => childOf(b, links, sender, child)));
      return { ...known, children: children.filter((child) => child !== undefined) };
    }
    case 'session_started':
      return known;
  }
}

/**
 * The guests for whom an event was written. A session that ends carries no guests: the orchestrator looks them up in the
 * link it made when the parent spawned the session. The projected row comes second, because it can lag behind the log.
 */
async function guestsOf(b: Backbone, links: ParentLinks, { sid, event }: AnyLinkEvent): Promise<GuestRef[]> {
  if (event.type !== 'session_ended') return 'guests' in event ? (event.guests ?? []) : [];
  const link = await links.of(sid);
  return link?.guests ?? (await readSessionRow(b, sid))?.info.startedBy ?? [];
}

async function standingOf(
  b: Backbone,
  guests: GuestRef[],
  userId: string,
  now: number,
): Promise<Pick<DecisionContext, 'guests' | 'linkEnd'>> {
  if (guests.length === 0) return {};
  for (const guest of guests) {
    const state = await shareLinkStateOf(b, guest, userId, now);
    if (state.kind === 'over') return { guests, linkEnd: { guest, why: state.why } };
  }
  return { guests };
}

/** A session and who hosts it, by the grants; `link` is for one that was sent to its host and is not granted yet. */
export async function endpointOf(b: Backbone, sid: string, link?: ParentLink): Promise<SessionEndpoint | undefined> {
  if (!isId(sid)) return undefined;
  const owner = await ownerOf(b, sid);
  const row = await sessionRows(b).get(sessionRowKey(owner?.userId, sid));
  const { userId, runnerId } = owner ?? { userId: link?.userId, runnerId: link?.rid };
  if (userId === undefined || runnerId === undefined) return undefined;
  const info = row?.value.info;
  return { sid, userId, runnerId, ended: info?.state === 'ended', name: info?.name };
}

async function parentOf(b: Backbone, links: ParentLinks, child: SessionEndpoint): Promise<SessionEndpoint | undefined> {
  const link = await links.of(child.sid);
  const parent = link === undefined ? undefined : await endpointOf(b, link.parent);
  return parent?.userId === child.userId ? parent : undefined;
}

async function childOf(
  b: Backbone,
  links: ParentLinks,
  parent: SessionEndpoint,
  sid = '',
): Promise<SessionEndpoint | undefined> {
  const link = await links.of(sid);
  const child = link?.parent === parent.sid ? await endpointOf(b, sid, link) : undefined;
  return child?.userId === parent.userId ? child : undefined;
}

async function spawnTarget(
  b: Backbone,
  links: ParentLinks,
  child: string,
  rid: string,
  parent: string,
): Promise<Pick<DecisionContext, 'runner' | 'isTaken'>> {
  const [runner, lease, link, owner] = await Promise.all([
    ownerOf(b, `runner.${rid}`),
    readLease(b, `runner.${rid}`),
    links.of(child),
    ownerOf(b, child),
  ]);
  const isTaken = link === undefined ? owner !== undefined : link.parent !== parent;
  return { runner: { rid, userId: runner?.userId, online: lease !== undefined }, isTaken };
}

/**
 * Whether the parent of an ended session knows of the end: the parent ended it, or the child has reported the result of
 * its last run and did not begin another.
 */
async function isTold(b: Backbone, { sid, seq, prevSeq }: AnyLinkEvent): Promise<boolean> {
  const row = await readSessionRow(b, sid);
  const after = Math.min(row === undefined ? 0 : offsetBeforeLast(row, REPORTED_WITHIN), Math.max(0, prevSeq - 1));
  let hasReported = false;
  for await (const events of replay(b, sid, { after, upTo: seq })) {
    for (const { type, payload } of events) {
      if (type === 'agent_start') hasReported = false;
      if (type !== 'session_trigger' && type !== 'command_result') continue;
      if (tells(eventOf({ payload }))) hasReported = true;
    }
  }
  return hasReported;
}

function tells(event: SessionEvent | undefined): boolean {
  if (event?.type === 'session_trigger') return event.kind === 'session_complete' || event.kind === 'session_error';
  return event?.type === 'command_result' && event.name === 'kill_session' && isLinkCommand(event.commandId);
}
