import Type, { type Static } from 'typebox';
import { SHARE_MODES } from './accounts.js';

/** The bodies of the HTTP API for sharing with accounts, invitations, and signing in on another device. */
const Optional = Type.Optional;
const Text = Type.String();
/** ms since epoch. */
const Time = Type.Number();
const Lifetime = Type.Union([Type.Integer({ minimum: 60 }), Text]);

/** The expiry of a share with an account that ends only when it is revoked: the last moment of the year 9999. */
export const NO_EXPIRY = Date.UTC(9999, 11, 31, 23, 59, 59);

/** `POST /api/sessions/:sid/people`. `person`: the exact e-mail address or the id of an account. */
export const ShareWithBody = Type.Object({
  person: Type.String({ minLength: 1, maxLength: 254 }),
  mode: Optional(Type.Enum([...SHARE_MODES])),
});

/** `POST /api/shares/open`, without sign-in: exchanges the code of a short address for the share link. */
export const OpenShareBody = Type.Object({ code: Type.String({ maxLength: 64 }) });
export const OpenShareReply = Type.Object({ sessionId: Text, token: Text });

export const INVITATION_STATES = ['open', 'used', 'revoked', 'expired'] as const;
export const InvitationInfo = Type.Object({
  id: Text,
  state: Type.Enum([...INVITATION_STATES]),
  createdBy: Text,
  createdAt: Time,
  expiresAt: Time,
  note: Optional(Text),
  usedAt: Optional(Time),
  /** The account that was created with it. */
  usedBy: Optional(Text),
});
export const InvitationsReply = Type.Object({ invitations: Type.Array(InvitationInfo) });
/** `POST /api/invitations`. `expiresIn`: seconds, or `30m`, `12h`, `7d`. The default is 7 days, the maximum 30 days. */
export const NewInvitationBody = Type.Object({
  expiresIn: Optional(Lifetime),
  note: Optional(Type.String({ maxLength: 80 })),
});
/** 201: the only response that holds the address of the invitation. */
export const NewInvitationReply = Type.Object({
  invitation: InvitationInfo,
  url: Text,
  localOnly: Optional(Type.Boolean()),
});
/** `POST /api/auth/invitation`, without sign-in: whether an invitation can be used. */
export const InvitationBody = Type.Object({ token: Type.String({ maxLength: 128 }) });
export const InvitationReply = Type.Object({ expiresAt: Time, by: Text });

/** Why an address may be used from another device: `public` (the public address), `lan`, or `vpn` (Tailscale). */
export const ADDRESS_KINDS = ['public', 'lan', 'vpn'] as const;
export const ReachableAddress = Type.Object({
  url: Text,
  kind: Type.Enum([...ADDRESS_KINDS]),
  /** Whether browsers allow notifications, the clipboard and installing there: only over https. */
  secure: Type.Boolean(),
});
/** `GET /api/network`: under which addresses other devices can open the page. */
export const NetworkReply = Type.Object({
  /** The best address first. Empty when only this machine can open the page. */
  addresses: Type.Array(ReachableAddress),
  /** Whether the gateway listens on the local network. */
  lan: Type.Boolean(),
  /** Whether the caller may switch this. */
  canSwitch: Type.Boolean(),
});
/** `PUT /api/network`: listens on the local network, or stops. For the owner of the installation. */
export const NetworkBody = Type.Object({ lan: Type.Boolean() });

/** `POST /api/auth/handover`: a link that signs another device in to the caller's account, once, within minutes. */
export const HandoverReply = Type.Object({ url: Text, expiresAt: Time });

export type ShareWithBody = Static<typeof ShareWithBody>;
export type OpenShareReply = Static<typeof OpenShareReply>;
export type InvitationInfo = Static<typeof InvitationInfo>;
export type NewInvitationBody = Static<typeof NewInvitationBody>;
export type NewInvitationReply = Static<typeof NewInvitationReply>;
export type InvitationReply = Static<typeof InvitationReply>;
export type ReachableAddress = Static<typeof ReachableAddress>;
export type NetworkReply = Static<typeof NetworkReply>;
export type HandoverReply = Static<typeof HandoverReply>;
