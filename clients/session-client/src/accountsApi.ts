import type {
  AuditQuery,
  AuditReply,
  AuthOptions,
  HandoverReply,
  InvitationInfo,
  InvitationReply,
  IssuerFinishBody,
  IssuerFinishReply,
  IssuerStartBody,
  IssuerStartReply,
  KeyInfo,
  LoginBody,
  LoginInfo,
  Me,
  NetworkReply,
  NewInvitationBody,
  NewInvitationReply,
  NewKeyBody,
  NewKeyReply,
  NewShareBody,
  NewShareReply,
  OpenShareReply,
  PairBody,
  PairInfo,
  PairPollReply,
  PairReply,
  PasswordBody,
  PurgeBody,
  PurgeReply,
  RetentionOverride,
  RunnerRight,
  ShareChangeBody,
  ShareInfo,
  ShareWithBody,
  SignedIn,
  SignupBody,
  TopReply,
  UserInfo,
} from '@pizzapi/protocol';
import { DELETE, id, needing, patch, post, put, queryOf, type ApiSend } from './http.js';

/** The part of the API that is about people: who is signed in, keys, pairing, links, users, the audit trail. */
export function accountsApi(send: ApiSend) {
  const shares = (sid: string, rest = '') => `/api/sessions/${id(sid)}/shares${rest}`;
  return {
    /** Which forms a page has to show, for anyone. */
    authOptions: () => send<AuthOptions>('/api/auth/options'),
    /** `status` 201: the first account, signed in. 202: any other, whether the address was taken or not. */
    signup: (body: SignupBody) => send<Partial<SignedIn> | undefined>('/api/auth/signup', post(body)),
    login: (body: LoginBody) => send<SignedIn>('/api/auth/login', post(body)),
    /** Trades the token of a one-time link for the cookie and the token of the page. */
    link: (token: string) => send<SignedIn>('/api/auth/link', post({ token })),
    /** Begins a sign-in through the issuer: the address to go to, and a secret that the page keeps. */
    startIssuer: (body: IssuerStartBody) => send<IssuerStartReply>('/api/auth/oidc/start', needing('url', post(body))),
    /** Ends it, with the query that the issuer sent the browser back with. */
    finishIssuer: (body: IssuerFinishBody) =>
      send<IssuerFinishReply>('/api/auth/oidc/finish', needing('returnTo', post(body))),
    logout: () => send<unknown>('/api/auth/logout', post()),
    me: () => send<Me>('/api/auth/me', needing('userId')),
    /** Sets the first password too, with `email` for who has signed in by links only. All other logins end. */
    changePassword: (body: PasswordBody) => send<Me>('/api/auth/password', post(body)),

    logins: () => send<{ logins: LoginInfo[] }>('/api/auth/logins', needing('logins')),
    endLogin: (loginId: string) => send<unknown>(`/api/auth/logins/${id(loginId)}`, DELETE),

    keys: () => send<{ keys: KeyInfo[] }>('/api/keys', needing('keys')),
    /** The only time that the token is told. */
    createKey: (body: NewKeyBody) => send<NewKeyReply>('/api/keys', post(body)),
    revokeKey: (keyId: string) => send<unknown>(`/api/keys/${id(keyId)}`, DELETE),

    /** Asks a signed-in person for a key, without credentials. */
    askPair: (body: PairBody) => send<PairReply>('/api/pair', post(body)),
    pollPair: (secret: string) => send<PairPollReply>('/api/pair/poll', post({ secret })),
    /** What a code asks for, for who is signed in. */
    pair: (code: string) => send<PairInfo>(`/api/pair/${id(code)}`),
    /** `allow`: what a runner token may allow at most. */
    approvePair: (code: string, rights: { allow?: RunnerRight[] } = {}) =>
      send<unknown>(`/api/pair/${id(code)}/approve`, post(rights)),
    denyPair: (code: string) => send<unknown>(`/api/pair/${id(code)}/deny`, post()),

    shares: (sid: string) => send<{ shares: ShareInfo[] }>(shares(sid), needing('shares')),
    createShare: (sid: string, body: NewShareBody = {}) => send<NewShareReply>(shares(sid), post(body)),
    revokeShare: (sid: string, shareId: string) => send<unknown>(shares(sid, `/${id(shareId)}`), DELETE),
    revokeShares: (sid: string) => send<unknown>(shares(sid), DELETE),
    /** Takes a link back to writing, or to watching. It cannot be raised again. */
    restrictShare: (sid: string, shareId: string, mode: ShareChangeBody['mode']) =>
      send<unknown>(shares(sid, `/${id(shareId)}`), patch({ mode })),

    /** Shares a session with an account, by its exact address or id. */
    shareWith: (sid: string, body: ShareWithBody) => send<ShareInfo>(`/api/sessions/${id(sid)}/people`, post(body)),
    /** Exchanges the code of a short address for the link, for anyone. */
    openShare: (code: string) => send<OpenShareReply>('/api/shares/open', needing('token', post({ code }))),

    invitations: () => send<{ invitations: InvitationInfo[] }>('/api/invitations', needing('invitations')),
    /** The only time that the address is told. */
    createInvitation: (body: NewInvitationBody = {}) => send<NewInvitationReply>('/api/invitations', post(body)),
    revokeInvitation: (invitationId: string) => send<unknown>(`/api/invitations/${id(invitationId)}`, DELETE),
    /** Whether an invitation can be used, for anyone. */
    invitation: (token: string) => send<InvitationReply>('/api/auth/invitation', post({ token })),

    /** Under which addresses other devices can open the page. */
    network: () => send<NetworkReply>('/api/network', needing('addresses')),
    setNetwork: (lan: boolean) => send<NetworkReply>('/api/network', put({ lan })),
    /** A link that signs one more device in to this account, once. */
    handover: () => send<HandoverReply>('/api/auth/handover', post()),

    users: () => send<{ users: UserInfo[] }>('/api/users', needing('users')),
    setUserDisabled: (userId: string, disabled: boolean) =>
      send<UserInfo>(`/api/users/${id(userId)}`, patch({ disabled })),
    /** What is kept of the sessions of an account; null: what the installation keeps. */
    setRetention: (userId: string, retention: RetentionOverride | null) =>
      send<UserInfo>(`/api/users/${id(userId)}`, patch({ retention })),
    /** Erases a session or an account. Repeating it tells how far it is. */
    purge: (body: PurgeBody) => send<PurgeReply>('/api/purge', needing('removed', post(body))),
    /** The newest rows first; `next` of the answer is `before` of the page after it. */
    /** What the relay does now, for admins. */
    top: () => send<TopReply>('/api/top', needing('hosts')),
    audit: (query: AuditQuery = {}) => send<AuditReply>(`/api/audit${queryOf(query)}`, needing('rows')),
  };
}
