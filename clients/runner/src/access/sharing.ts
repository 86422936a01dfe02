import type { ErrorInfo, Presence, ShareMode } from '@pizzapi/protocol';

/** Where sessions are shared, and what lets this terminal in. */
export interface HostAccess {
  natsUrl: string;
  token: string;
  /** The name that this machine was paired with. Default: the host name. */
  name?: string | undefined;
}

/** Who may share, and where. */
export type ShareAccess =
  | { kind: 'found'; access: HostAccess; /** The gateway, as people open it. */ relayUrl: string }
  | { kind: 'none'; error: ErrorInfo };

/** A link to a session. `ownerOnly`: it opens for the owner alone, because nothing was at hand to make one for others. */
export type ShareLink =
  /** `scan`: a short address for a QR code, until then in ms since epoch. */
  | { kind: 'made'; url: string; until: string; scan: { url: string; until: number } }
  | { kind: 'ownerOnly'; url: string; why: string };

/** What sharing needs of the world around the terminal. */
export interface ShareEnvironment {
  /** `PIZZAPI_HOME` */
  home: string;
  version: string;
  /** Looked for each time that the person types `/share`. */
  access: () => ShareAccess;
  makeLink: (relayUrl: string, sid: string, mode: ShareMode) => Promise<ShareLink>;
  /** Takes all links of the session back. */
  revokeLinks: (relayUrl: string, sid: string) => Promise<void>;
  /** Reports who watches, now and on every change. Returns how to stop. */
  watchViewers: (relayUrl: string, sid: string, onViewers: (viewers: readonly Presence[]) => void) => () => void;
  /** An address as rows of a QR code; undefined when they are wider than `columns`, or no other device can open it. */
  qr: (text: string, columns: number) => string[] | undefined;
}
