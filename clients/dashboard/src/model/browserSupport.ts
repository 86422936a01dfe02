/** What there is to say about notifications in this browser. */
export type BrowserState =
  /** Browsers lend notifications to https and to this machine only. */
  | 'insecure'
  /** On an iPhone only a page on the home screen may notify. */
  | 'install'
  | 'unsupported'
  /** The person, or a rule of the browser, has said no. Only the browser's own settings can undo it. */
  | 'blocked'
  | 'off'
  /** Pushes arrive, also while no tab is open. */
  | 'push'
  /** No push service: a tab that is open, also in the background, does what it can. */
  | 'tab';

export interface BrowserCapabilities {
  secure: boolean;
  /** Both the notifications and the service worker are there. */
  able: boolean;
  iPhone: boolean;
  permission: NotificationPermission;
  /** What was chosen here: undefined before anybody chose. */
  chosen: 'on' | 'off' | undefined;
  subscribed: boolean;
}

/** What the facts come to: what cannot be changed from here comes first. */
export function browserState({
  secure,
  able,
  iPhone,
  permission,
  chosen,
  subscribed,
}: BrowserCapabilities): BrowserState {
  if (!secure) return 'insecure';
  if (!able) return iPhone ? 'install' : 'unsupported';
  if (permission === 'denied') return 'blocked';
  if (permission !== 'granted' || chosen !== 'on') return 'off';
  return subscribed ? 'push' : 'tab';
}

/** iPads say that they are Macs, but Macs have no touch screen. */
export function isIPhone({ userAgent, maxTouchPoints }: Pick<Navigator, 'userAgent' | 'maxTouchPoints'>): boolean {
  return /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
}

/** The id by which the gateway knows a subscription: the beginning of the SHA-256 of its endpoint. */
export async function deviceId(endpoint: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(endpoint));
  return [...new Uint8Array(hash).slice(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Bytes of base64url: not every browser takes a key as text. */
export function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
