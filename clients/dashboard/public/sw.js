/* global URL, MessageChannel, setTimeout, clearTimeout */
/**
 * The service worker: shows what is pushed to this browser, and takes the person to it. It is there only while somebody
 * wants notifications here. It answers no request and keeps nothing of the page, so that none is ever older than its
 * gateway.
 *
 * A push is JSON: `{ kind: 'finished' | 'input' | 'error', sessionId, title, body, url, tag, at }`.
 */
/** The path of the page below its host; empty at its root. */
const PATH = new URL('.', globalThis.location.href).pathname.replace(/\/$/, '');
const ICON = `${PATH}/icon-192.png`;
/** For the status bar of a phone: only its shape counts. */
const BADGE = `${PATH}/badge.png`;
/** How long a page may take to say that it goes where a notification leads, in ms. After that it is loaded there. */
const ANSWER_MS = 3_000;

// A new version has nothing to wait for: there is no cache that an open page could depend on.
globalThis.addEventListener('install', () => globalThis.skipWaiting());
globalThis.addEventListener('activate', (event) => event.waitUntil(globalThis.clients.claim()));
globalThis.addEventListener('push', (event) => event.waitUntil(show(event.data)));
globalThis.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(follow(event.notification.data?.url));
});
globalThis.addEventListener('pushsubscriptionchange', (event) => event.waitUntil(subscribeAgain(event)));

/** Browsers take the permission back from those who are pushed to and show nothing: whatever comes is shown. */
function show(data) {
  const push = readPush(data);
  const { title, body, tag, at, kind } = push;
  return globalThis.registration.showNotification(title ?? 'PizzaPi', {
    body: body ?? 'Something happened in one of your sessions.',
    icon: ICON,
    badge: BADGE,
    data: { url: pathOf(push.url) },
    // One notification a session: the latest. It rings again only when the person is needed.
    ...(tag === undefined ? {} : { tag, renotify: kind === 'input' }),
    ...(typeof at === 'number' ? { timestamp: at } : {}),
  });
}

function readPush(data) {
  try {
    const push = data?.json();
    return typeof push === 'object' && push !== null ? push : {};
  } catch {
    return {};
  }
}

/** An address of this page below its path, whatever was pushed. */
function pathOf(url) {
  const { origin } = globalThis.location;
  try {
    const target = new URL(typeof url === 'string' ? url : '/', origin);
    return target.origin === origin ? target.pathname + target.hash : '/';
  } catch {
    return '/';
  }
}

/** Brings the person to a page: a tab that shows it already, else any tab of ours, else a new one. */
async function follow(url) {
  const path = pathOf(url);
  const tabs = await globalThis.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const there = tabs.find((tab) => new URL(tab.url).pathname === PATH + path);
  if (there !== undefined) return there.focus();
  for (const tab of tabs) if (await goes(tab, path)) return tab.focus();
  return globalThis.clients.openWindow(PATH + path);
}

/** Asks a tab to show another of its pages, as a click in it would. A guest's tab, or one that hangs, does not. */
function goes(tab, path) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const timer = setTimeout(() => resolve(false), ANSWER_MS);
    port1.onmessage = () => {
      clearTimeout(timer);
      resolve(true);
    };
    tab.postMessage({ type: 'go', path }, [port2]);
  });
}

/** The browser has thrown the subscription away, for reasons of its own: makes another and tells the gateway. */
async function subscribeAgain({ oldSubscription, newSubscription }) {
  const subscription = newSubscription ?? (await globalThis.registration.pushManager.subscribe(await options()));
  const { endpoint, keys } = subscription.toJSON();
  await globalThis.fetch(`${PATH}/api/notifications/subscriptions`, {
    method: 'POST',
    headers: { ...(await shown()), 'content-type': 'application/json' },
    body: JSON.stringify({ endpoint, keys }),
  });

  async function options() {
    const known = oldSubscription?.options.applicationServerKey;
    const asked = async () => globalThis.fetch(`${PATH}/api/notifications`, { headers: await shown() });
    const key = known ?? (await (await asked()).json()).publicKey;
    return { userVisibleOnly: true, applicationServerKey: key };
  }
}

/** What this browser shows beside its cookie: the page keeps it here. Signed out, there is none. */
async function shown() {
  const kept = await (await globalThis.caches.open(`pizzapi${PATH}`)).match('/page-token');
  return kept === undefined ? {} : { 'pizzapi-page-token': await kept.text() };
}
