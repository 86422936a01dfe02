import {
  titleOf,
  NOTIFICATION_SETTLE_MS,
  notificationOfRun,
  unwantedBecause,
  type SessionInfo,
} from '@pizzapi/protocol';
import type { Hub } from '@pizzapi/session-client';

import { notifications } from '../state/notifications.svelte.js';
import { router } from '../state/router.svelte.js';
import { toasts } from '../state/toasts.svelte.js';
import type { PromptPreview } from '../model/promptPreview.js';
import { isStillTrue, detectNotices, sentenceOf, chooseChannels, type SessionNotice } from '../model/sessionNotices.js';
import { closeNotifications, notifyFromTab } from '../state/push.js';
import { fetchLastEvents } from '../state/fetchLastEvents.js';
import { lastRunOf } from '../model/lastRun.js';
import { waiting } from '../state/waiting.svelte.js';

/** How long it waits for what is asked, and how often it looks, in ms: it comes by another way than that it is asked. */
const ASKED_MS = 3_000;
const LOOK_MS = 100;

/** Tells the person what happens in sessions that they do not look at. Returns how to stop. */
export function startTabNotifier(hub: Hub): () => void {
  let before: ReadonlyMap<string, SessionInfo> | undefined;
  const over = new AbortController();
  const look = () => {
    if (hub.connection.state.kind !== 'live') return;
    const now = new Map(hub.sessions);
    // The first list is what there is, and no news.
    if (before !== undefined) {
      for (const news of detectNotices(before, now)) void notify(news, hub, over.signal);
      for (const { sessionId, state } of before.values())
        if (state === 'waiting' && now.get(sessionId)?.state !== 'waiting') answered(sessionId);
    }
    before = now;
  };
  look();
  const stop = hub.subscribe(({ sessions }) => (sessions ? look() : undefined));
  return () => {
    stop();
    over.abort();
  };
}

/** The person sees the session: what was told of it has reached them. */
export function markSeen(sid: string): void {
  toasts.drop(sid);
  void closeNotifications(sid).catch(() => undefined);
}

function answered(sid: string): void {
  toasts.drop(sid, 'input');
  void closeNotifications(sid).catch(() => undefined);
}

/** `over`: whoever this was for is not there any more. */
async function notify(seen: SessionNotice, hub: Hub, over: AbortSignal): Promise<void> {
  const { sessionId } = seen.session;
  await pause(NOTIFICATION_SETTLE_MS);
  const { news, detail } = await detailed(seen);
  const now = hub.sessions.get(sessionId);
  if (over.aborted || news === undefined || !isStillTrue(news, now)) return;
  if (unwantedBecause(news.kind, sessionId, notifications.kept?.prefs) !== undefined) return;
  const { route } = router;
  const ways = chooseChannels(news, {
    hidden: document.hidden,
    sid: route.page === 'session' ? route.sid : undefined,
    home: route.page === 'home',
    mayNotify: notifications.here === 'tab',
  });
  const title = titleOf(now);
  const text = sentenceOf(news, detail);
  if (ways.toast) toasts.news({ sid: sessionId, kind: news.kind, title }, text);
  if (ways.notify) notifyFromTab(title, text, sessionId, () => router.go(`/s/${sessionId}`));
}

/** What a session asks first, once that is known. */
async function askedIn(sid: string): Promise<PromptPreview | undefined> {
  for (let waited = 0; ; waited += LOOK_MS) {
    const found = waiting.list.find(({ session }) => session.sessionId === sid);
    if (found === undefined || found.asked !== undefined || waited >= ASKED_MS) return found?.asked?.[0];
    await pause(LOOK_MS);
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** With what there is to say of it; without news when somebody has stopped the agent, who knows that. */
async function detailed(
  news: SessionNotice,
): Promise<{ news: SessionNotice | undefined; detail?: string | undefined }> {
  const { sessionId } = news.session;
  if (news.kind === 'error') return { news };
  if (news.kind === 'input') {
    const asked = await askedIn(sessionId);
    return { news, detail: asked?.line };
  }
  const run = lastRunOf(await fetchLastEvents(sessionId));
  if (run === undefined) return { news };
  const content = notificationOfRun(run);
  return content === undefined ? { news: undefined } : { news: { ...news, kind: content.kind }, detail: content.text };
}
