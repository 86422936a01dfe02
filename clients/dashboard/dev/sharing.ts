import { NO_EXPIRY, type InvitationInfo, type NetworkReply, type SessionInfo, type ShareInfo } from '@pizzapi/protocol';
import { session } from './lists.js';

const [HOUR, DAY] = [3_600_000, 86_400_000];

/** Sessions that Grace shares with the person at the page. */
export const SHARED_SESSIONS: SessionInfo[] = [
  session(
    'theirs',
    { name: 'Tune the compiler', userId: 'u2', shared: { shareId: 'g1', by: 'Grace', mode: 'read' } },
    6,
  ),
  session(
    'theirs-too',
    { name: 'Write the manual', userId: 'u2', shared: { shareId: 'g2', by: 'Grace', mode: 'collab' } },
    16,
  ),
];

/** What the API says about invitations, people to share with, and the local network. */
export class ScriptedSharing {
  #lan = false;
  #invitations: InvitationInfo[] = [
    {
      ...{
        id: 'i1',
        state: 'used',
        createdBy: 'owner',
        createdAt: Date.now() - 9 * DAY,
        expiresAt: Date.now() - 2 * DAY,
      },
      ...{ note: 'Grace', usedAt: Date.now() - 8 * DAY, usedBy: 'u2' },
    },
  ];

  /** The answer to a request; undefined when it is about something else. `add` takes a share with a person. */
  answer(
    method: string,
    path: string,
    body: Record<string, unknown>,
    add: (share: ShareInfo) => void,
  ): Response | undefined {
    if (path === '/api/network') {
      if (method === 'PUT') this.#lan = body['lan'] === true;
      return json(this.#network());
    }
    if (path === '/api/auth/handover')
      return json(
        { url: `http://192.168.1.5:7492/#login=h${'x'.repeat(22)}`, expiresAt: Date.now() + 5 * 60_000 },
        201,
      );
    if (path === '/api/auth/invitation')
      return body['token'] === 'good'
        ? json({ by: 'Ada', expiresAt: Date.now() + 3 * DAY })
        : failed(403, 'invitation_invalid', 'The invitation was used or revoked, or it has expired.');
    if (path === '/api/shares/open')
      return failed(403, 'link_ended', 'The share link was revoked, has expired or is read-only now.');
    if (path.startsWith('/api/invitations')) return this.#invite(method, path.split('/')[3], body);
    if (!/^\/api\/sessions\/[^/]+\/people$/.test(path)) return undefined;
    if (body['person'] !== 'grace@example.com')
      return failed(404, 'person_not_found', 'Give the exact e-mail address with which the person signs in.');
    const share: ShareInfo = {
      ...{ shareId: 'g9', createdAt: Date.now(), expiresAt: NO_EXPIRY },
      mode: body['mode'] === 'collab' ? 'collab' : 'read',
      person: { userId: 'u2', name: 'Grace Hopper', givenAs: 'grace@example.com' },
    };
    add(share);
    return json(share, 201);
  }

  #network(): NetworkReply {
    const addresses: NetworkReply['addresses'] = this.#lan
      ? [{ url: 'http://192.168.1.5:7492', kind: 'lan', secure: false }]
      : [];
    return { addresses, lan: this.#lan, canSwitch: true };
  }

  #invite(method: string, id: string | undefined, body: Record<string, unknown>): Response {
    if (method === 'GET') return json({ invitations: this.#invitations });
    if (method === 'DELETE') {
      this.#invitations = this.#invitations.map((one) => (one.id === id ? { ...one, state: 'revoked' } : one));
      return new Response(null, { status: 204 });
    }
    const note = typeof body['note'] === 'string' ? { note: body['note'] } : {};
    const at = Date.now();
    const invitation: InvitationInfo = {
      ...{ id: 'i2', state: 'open', createdBy: 'owner', createdAt: at, expiresAt: at + 7 * DAY + HOUR },
      ...note,
    };
    this.#invitations = [invitation, ...this.#invitations];
    return json({ invitation, url: 'https://pizza.example/invite#Abcdefghijklmnopqrstuvwxyz012345' }, 201);
  }
}

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });
const failed = (status: number, code: string, message: string) => json({ error: { code, message } }, status);
