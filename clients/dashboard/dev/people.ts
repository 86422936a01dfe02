import type { AuditReply, AuthOptions, KeyInfo, LoginInfo, Me, PairInfo, ShareInfo, UserInfo } from '@pizzapi/protocol';
import { newId, SHARE_MODES } from '@pizzapi/protocol';

const NOW = Date.now();
const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
const CHROME =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

/** Who sits in front of a scripted page: `admin`, `linked` (by link, without a password), `member`, or nobody. */
export interface Cast {
  who: string;
  signup: string;
  accounts: boolean;
  /** The issuer that people sign in through: `on`, `away`, `only` for one without passwords, or nothing. */
  issuer: string;
  /** The version of the relay. */
  relay: string;
}

const login = (id: string, fields: Partial<LoginInfo>): LoginInfo => ({
  id,
  createdAt: NOW - 9 * DAY,
  lastSeenAt: NOW,
  expiresAt: NOW + 21 * DAY,
  ip: '192.168.1.20',
  userAgent: CHROME,
  current: false,
  ...fields,
});
const key = (id: string, fields: Partial<KeyInfo>): KeyInfo => ({
  id,
  kind: 'user',
  name: id,
  hint: 'pzk_a1B2',
  createdAt: NOW - 20 * DAY,
  ...fields,
});
const user = (userId: string, name: string, fields: Partial<UserInfo> = {}): UserInfo => ({
  userId,
  name,
  email: `${name.split(' ')[0]!.toLowerCase()}@example.com`,
  role: 'member',
  createdAt: NOW - 40 * DAY,
  disabled: false,
  ...fields,
});

function issuerOptions(issuer: string): Omit<AuthOptions, 'signup' | 'accounts'> {
  if (issuer === '') return {};
  const signOutUrl = 'https://id.acme.example/end';
  return {
    issuer: { name: 'Acme', available: issuer !== 'away', signOutUrl },
    ...(issuer === 'only' ? { passwords: false } : {}),
  };
}

/** What the API says about people, with the changes a page makes to it. */
export class ScriptedPeople {
  readonly #cast: Cast;
  #me: Me | undefined;
  #logins = [
    login('l1', { current: true }),
    login('l2', { userAgent: IPHONE, ip: '100.64.0.7', lastSeenAt: NOW - 3 * HOUR, createdAt: NOW - 2 * DAY }),
    login('l3', { userAgent: FIREFOX, ip: '2001:db8:85a3::8a2e:370:7334', lastSeenAt: NOW - 5 * DAY }),
  ];
  #keys = [
    key('k1', {
      name: 'Nightly script',
      lastUsedAt: NOW - 7 * HOUR,
      lastUsedFrom: '10.0.0.4',
      expiresAt: NOW + 70 * DAY,
    }),
    key('k2', { name: 'Build box in the cellar, behind the washing machine', kind: 'runner', hint: 'pzr_Zx90' }),
    key('k3', {
      name: 'Old laptop',
      kind: 'runner',
      hint: 'pzr_q7Lm',
      expiresAt: NOW - DAY,
      lastUsedAt: NOW - 3 * DAY,
    }),
  ];
  #users = [
    user('owner', 'Ada Lovelace', { role: 'admin', lastSeenAt: NOW }),
    user('u2', 'Grace Hopper', {
      lastSeenAt: NOW - 2 * HOUR,
      identity: { issuer: 'https://id.acme.example', confirmedAt: NOW - HOUR },
    }),
    user('u3', 'Mallory', { disabled: true, lastSeenAt: NOW - 12 * DAY }),
  ];
  #shares: ShareInfo[] = [
    { shareId: 'x0', mode: 'approve', createdAt: NOW - 10 * MINUTE, expiresAt: NOW + 50 * MINUTE },
    { shareId: 'x1', mode: 'collab', createdAt: NOW - 50 * MINUTE, expiresAt: NOW + 7 * DAY - 50 * MINUTE },
    { shareId: 'x2', mode: 'read', createdAt: NOW - 3 * HOUR, expiresAt: NOW + 21 * HOUR },
    { shareId: 'x3', mode: 'read', createdAt: NOW - DAY, expiresAt: NOW + HOUR, revokedAt: NOW - HOUR },
  ];
  #pair: PairInfo = {
    code: 'K7QD-2MXV',
    kind: 'runner',
    name: 'build-box',
    ip: '10.0.0.42',
    expiresAt: NOW + 9.4 * MINUTE,
  };

  constructor(cast: Cast) {
    this.#cast = cast;
    const base = {
      userId: 'owner',
      name: 'Ada Lovelace',
      role: 'admin',
      by: 'session',
      relay: { version: cast.relay, wire: 1 },
    } as const;
    if (cast.who === 'admin') this.#me = { ...base, email: 'ada@example.com', hasPassword: true };
    if (cast.who === 'linked') this.#me = { ...base, name: 'Owner', hasPassword: false };
    if (cast.who === 'issuer')
      this.#me = { ...base, email: 'ada@acme.example', hasPassword: false, issuer: { name: 'Acme' } };
    if (cast.who === 'member')
      this.#me = {
        ...base,
        userId: 'u2',
        name: 'Grace Hopper',
        role: 'member',
        email: 'grace@example.com',
        hasPassword: true,
      };
  }

  addShare(share: ShareInfo): void {
    this.#shares = [...this.#shares, share];
  }

  /** The answer to a request about people; undefined when it is about something else. */
  answer(method: string, path: string, query: URLSearchParams, body: Record<string, unknown>): Response | undefined {
    const [, , room, second, third, fourth] = path.split('/');
    if (room === 'auth') return this.#auth(method, second!, third, body);
    if (room === 'keys') return this.#keyring(method, second, body);
    if (room === 'pair') return this.#pairing(method, second!, third);
    if (room === 'sessions' && third === 'shares') return this.#links(method, second!, fourth, body);
    if (room === 'audit') return json(trail(query));
    if (room !== 'users') return undefined;
    if (method === 'GET') return json({ users: this.#users });
    const disabled = body['disabled'] === true;
    this.#users = this.#users.map((one) => (one.userId === second ? { ...one, disabled } : one));
    return json(undefined, 204);
  }

  #auth(method: string, what: string, id: string | undefined, body: Record<string, unknown>): Response | undefined {
    const { signup, accounts } = this.#cast;
    switch (`${method} ${what}`) {
      case 'GET options':
        return json({ signup, accounts, ...issuerOptions(this.#cast.issuer) });
      case 'GET me':
        return this.#me === undefined ? failed(401, 'unauthenticated', 'Open the link.') : json(this.#me);
      case 'POST login':
        if (body['password'] === 'Slow0down')
          return failed(429, 'too_many_requests', 'Too many tries. Wait as long as Retry-After says.', {
            'retry-after': '42',
          });
        if (body['password'] !== 'Correct1horse')
          return failed(401, 'login_failed', 'The e-mail address or the password is wrong.');
        this.#me = {
          userId: 'owner',
          name: 'Ada',
          role: 'admin',
          by: 'session',
          email: 'ada@example.com',
          hasPassword: true,
        };
        return json(this.#me);
      case 'POST oidc':
        return failed(
          403,
          'issuer_refused',
          'E-mail addresses of this domain may not sign in here. Sign out at the issuer to use another account there, or ask an admin of this gateway for an invitation.',
        );
      case 'POST signup':
        if (accounts && body['invitation'] === undefined) return json(undefined, 202);
        this.#me = {
          userId: 'owner',
          name: 'Ada',
          role: 'admin',
          by: 'session',
          email: 'ada@example.com',
          hasPassword: true,
        };
        return json(this.#me, 201);
      case 'POST password':
        this.#me = { ...this.#me!, hasPassword: true, email: this.#me!.email ?? String(body['email']) };
        return json(undefined, 204);
      case 'POST logout':
        this.#me = undefined;
        return json(undefined, 204);
      case 'GET logins':
        return json({ logins: this.#logins });
      case 'DELETE logins':
        this.#logins = this.#logins.filter((one) => one.id !== id);
        return json(undefined, 204);
      default:
        return undefined;
    }
  }

  #keyring(method: string, id: string | undefined, body: Record<string, unknown>): Response {
    if (method === 'GET') return json({ keys: this.#cast.who === 'member' ? [] : this.#keys });
    if (method === 'DELETE') {
      this.#keys = this.#keys.filter((one) => one.id !== id);
      return json(undefined, 204);
    }
    const kind = body['kind'] === 'runner' ? 'runner' : 'user';
    const prefix = kind === 'runner' ? 'pzr_' : 'pzk_';
    const made = key(newId('k'), { kind, name: String(body['name']), hint: `${prefix}9vTq`, createdAt: Date.now() });
    this.#keys = [made, ...this.#keys];
    const natsUrl = kind === 'runner' ? { natsUrl: 'tls://nats.example.com:4222' } : {};
    return json({ key: made, token: `${prefix}9vTqB3nE5xYkPz0aWcHs8mDfL2uJr6Gt1QiXoA`, ...natsUrl }, 201);
  }

  #pairing(method: string, code: string, answer: string | undefined): Response {
    if (code !== this.#pair.code)
      return failed(
        404,
        'pair_not_found',
        'The code is wrong, was used or has expired. Run the command again for a new one.',
      );
    return method === 'GET' && answer === undefined ? json(this.#pair) : json(undefined, 204);
  }

  #links(method: string, sid: string, shareId: string | undefined, body: Record<string, unknown>): Response {
    if (method === 'GET') return json({ shares: this.#shares });
    if (method === 'POST') {
      const mode = modeIn(body);
      const expiresAt = Date.now() + DAY;
      const made: ShareInfo = { shareId: newId('x'), mode, createdAt: Date.now(), expiresAt };
      this.#shares = [...this.#shares, made];
      const token = shareToken({ sub: sid, jti: made.shareId, mode, exp: Math.floor(expiresAt / 1_000) });
      const shareUrl = `${location.origin}/s/${sid}#share=${token}`;
      const shortUrl = 'https://pizza.example/l#Abcdefghijklmnop';
      return json({ shareUrl, shortUrl, token, expiresAt, shareId: made.shareId, mode }, 201);
    }
    this.#shares = this.#shares.map((one) => {
      if (shareId !== undefined && one.shareId !== shareId) return one;
      return method === 'PATCH' ? { ...one, mode: modeIn(body) } : { ...one, revokedAt: Date.now() };
    });
    return json(undefined, 204);
  }
}

const modeIn = ({ mode }: Record<string, unknown>) => SHARE_MODES.find((one) => one === mode) ?? 'read';

/** A token of the real shape, which nobody has signed. */
export function shareToken(claims: object): string {
  const part = (value: object) =>
    btoa(JSON.stringify(value)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const header = { alg: 'HS256', typ: 'pizzapi-share+jwt', kid: '1' };
  const whole = { iss: 'pizzapi', aud: 'pizzapi-share', iat: Math.floor(NOW / 1_000), ...claims };
  return `${part(header)}.${part(whole)}.${'s'.repeat(43)}`;
}

const EVENTS: readonly (readonly [kind: string, fields: object])[] = [
  ['join', { userId: 'owner', sessionId: 'story', mode: 'owner', ip: '192.168.1.20' }],
  [
    'guest_stopped',
    {
      ...{ userId: 'owner', guestId: 'guest_x1', guest: 'Ann', shareId: 'x1', sessionId: 'kid-load' },
      what: 'session',
      why: 'revoked',
    },
  ],
  ['guest_spawn', { userId: 'owner', guestId: 'guest_x1', guest: 'Ann', shareId: 'x1', sessionId: 'story' }],
  ['input', { userId: 'guest_x1', guest: 'Ann', sessionId: 'story', name: 'input', ip: '203.0.113.9' }],
  ['refused', { userId: 'guest_x2', sessionId: 'story', frame: 'input', code: 'read_only', ip: '198.51.100.23' }],
  ['join', { userId: 'guest_x1', guest: 'Ann', sessionId: 'story', mode: 'collab', count: 7, ip: '203.0.113.9' }],
  ['share_created', { userId: 'owner', sessionId: 'story', shareId: 'x1', mode: 'collab', ip: '192.168.1.20' }],
  ['login', { userId: 'u2', ip: '2001:db8:85a3::8a2e:370:7334' }],
  ['login_failed', { ip: '198.51.100.23' }],
  ['refused', { method: 'GET', path: '/api/sessions', code: 'unauthenticated', ip: '198.51.100.23', suppressed: 12 }],
  ['key_created', { userId: 'owner', keyKind: 'runner', name: 'Build box', hint: 'pzr_Zx90', ip: '192.168.1.20' }],
  ['session_granted', { userId: 'owner', sessionId: 's_Zx9k2mVq81LpTtQe', runnerId: 'r1', epoch: 12 }],
  ['command', { userId: 'owner', sessionId: 'story', name: 'model_set', runnerId: 'r1', ip: '192.168.1.20' }],
  ['runner_claimed', { userId: 'owner', login: 'runner.r1', ip: '192.168.1.20' }],
  ['user_disabled', { userId: 'owner', target: 'u3', ip: '192.168.1.20' }],
];
const TRAIL_LENGTH = 150;
const TRAIL = Array.from({ length: TRAIL_LENGTH }, (_, i) => {
  const [kind, fields] = EVENTS[i % EVENTS.length]!;
  return { seq: TRAIL_LENGTH - i, kind, at: NOW - i * 47 * MINUTE, ...fields };
});

function trail(query: URLSearchParams): AuditReply {
  const [before, limit, kind] = [
    Number(query.get('before') ?? Infinity),
    Number(query.get('limit') ?? 50),
    query.get('kind'),
  ];
  const rest = TRAIL.filter((row) => row.seq < before && (kind === null || row.kind === kind));
  const rows = rest.slice(0, limit);
  return { rows, ...(rest.length > rows.length ? { next: rows.at(-1)!.seq } : {}) };
}

const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(body === undefined ? null : JSON.stringify(body), { status, headers });
const failed = (status: number, code: string, message: string, headers = {}) =>
  json({ error: { code, message } }, status, headers);
