import type { NotificationsReply, NotificationTestReply } from '@pizzapi/protocol';

const [HOUR, DAY] = [3_600_000, 86_400_000];
/** A point of P-256 that nobody has the private key of. */
export const PUBLIC_KEY = `B${'A'.repeat(85)}E`;

/** What the API says about notifications, with the changes a page makes to it. */
export class ScriptedNotifications {
  #kept: NotificationsReply;

  /** `none`: nobody has set up anything yet. */
  constructor(kind: string) {
    const none = kind === 'none';
    const now = Date.now();
    this.#kept = {
      publicKey: PUBLIC_KEY,
      prefs: {
        agentFinished: true,
        needsInput: true,
        error: !none,
        webhook: none ? null : { url: 'https://ntfy.sh/pizza-7Qk2x', hasToken: true },
        muted: none ? [] : ['long', 'deleted'],
      },
      devices: none
        ? []
        : [
            { id: 'a'.repeat(32), label: 'Safari on iPhone', service: 'web.push.apple.com', createdAt: now - 9 * DAY },
            {
              id: 'b'.repeat(32),
              label: 'Firefox on Linux',
              service: 'updates.push.services.mozilla.com',
              createdAt: now - 3 * HOUR,
            },
          ],
    };
  }

  /** The answer to a request about notifications; undefined when it is about something else. */
  async answer(method: string, path: string, body: Record<string, unknown>): Promise<Response | undefined> {
    const mute = /^\/api\/sessions\/([^/]+)\/mute$/.exec(path)?.[1];
    if (mute !== undefined) return this.#mute(mute, body['muted'] === true);
    if (!path.startsWith('/api/notifications')) return undefined;
    switch (`${method} ${path.split('/')[3] ?? ''}`) {
      case 'GET ':
        return json(this.#kept);
      case 'PUT ':
        return this.#prefer(body);
      case 'POST subscriptions':
        return this.#add(body);
      case 'DELETE subscriptions':
        this.#kept = { ...this.#kept, devices: this.#kept.devices.filter(({ id }) => id !== path.split('/')[4]) };
        return json(undefined, 204);
      default:
        return json(this.#test());
    }
  }

  #mute(sid: string, muted: boolean): Response {
    const others = this.#kept.prefs.muted.filter((other) => other !== sid);
    this.#kept = { ...this.#kept, prefs: { ...this.#kept.prefs, muted: muted ? [...others, sid] : others } };
    return json(undefined, 204);
  }

  #prefer(body: Record<string, unknown>): Response {
    const { webhook, ...wishes } = body as {
      webhook?: { url: string; token?: string | null } | null;
    };
    if (webhook?.url.startsWith('http://10.') === true) {
      const message = 'The address leads into a private network. Use an address that everybody can reach.';
      return json({ error: { code: 'address_refused', message } }, 422);
    }
    const hasToken =
      webhook?.token === undefined ? (this.#kept.prefs.webhook?.hasToken ?? false) : webhook.token !== null;
    const next = webhook === undefined ? {} : { webhook: webhook && { url: webhook.url, hasToken } };
    this.#kept = { ...this.#kept, prefs: { ...this.#kept.prefs, ...wishes, ...next } };
    return json(this.#kept.prefs);
  }

  async #add({ endpoint, label }: Record<string, unknown>): Promise<Response> {
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(String(endpoint)));
    const id = [...new Uint8Array(hash)]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('')
      .slice(0, 32);
    const { host: service } = new URL(String(endpoint));
    const device = { id, label: String(label), service, createdAt: Date.now() };
    this.#kept = { ...this.#kept, devices: [...this.#kept.devices.filter((other) => other.id !== id), device] };
    return json({ id }, 201);
  }

  #test(): NotificationTestReply {
    const { devices, prefs } = this.#kept;
    return {
      results: [
        ...devices.map(({ id, label }, i) => ({
          target: 'device' as const,
          id,
          label,
          outcome: i === 1 ? ('gone' as const) : ('delivered' as const),
        })),
        ...(prefs.webhook === null
          ? []
          : [
              {
                target: 'webhook' as const,
                label: new URL(prefs.webhook.url).host,
                outcome: 'refused' as const,
                message: 'It answered 403: the topic is reserved. Check the token.',
              },
            ]),
      ],
    };
  }
}

/**
 * A push service for a browser that reaches none: subscriptions are made and kept, and nothing is ever pushed.
 * `unreachable`: it is as if the service did not answer.
 */
export function installScriptedPush(kind: string): void {
  if (!('PushManager' in globalThis)) return;
  let held: unknown = null;
  const made = (key: BufferSource) => ({
    endpoint: 'https://push.example/send/this-browser',
    options: { applicationServerKey: key instanceof Uint8Array ? key.buffer : key },
    toJSON: () => ({ keys: { p256dh: `B${'A'.repeat(86)}`, auth: 'A'.repeat(22) } }),
    unsubscribe: async () => ((held = null), true),
  });
  Object.assign(PushManager.prototype, {
    getSubscription: async () => held,
    subscribe: async ({ applicationServerKey }: { applicationServerKey: BufferSource }) => {
      if (kind === 'unreachable') throw new DOMException('Registration failed - push service error', 'AbortError');
      return (held = made(applicationServerKey));
    },
  });
}

const json = (body: unknown, status = 200) =>
  new Response(body === undefined ? null : JSON.stringify(body), { status });
