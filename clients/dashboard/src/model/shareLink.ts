import { isMap, SHARE_MODES, type ErrorInfo, type ShareMode } from '@pizzapi/protocol';

/** What a link says of itself. The page shows it; whether it holds is for the gateway to say. */
export interface ReadShareClaims {
  sid: string;
  shareId: string;
  mode: ShareMode;
  /** ms since epoch. */
  expiresAt: number;
}

/** The token of `#share=<token>`; empty when there is something that cannot be one; undefined without any. */
export function shareToken(hash: string): string | undefined {
  const token = /^#share=(.*)$/s.exec(hash)?.[1];
  return token === undefined || /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) ? token : '';
}

/** Reads a token without proving it. Total over any text. */
export function readShare(token: string): ReadShareClaims | undefined {
  const claims = payloadOf(token);
  if (!isMap(claims)) return undefined;
  const { sub, jti, exp } = claims;
  const mode = SHARE_MODES.find((known) => known === claims['mode']);
  if (typeof sub !== 'string' || typeof jti !== 'string' || typeof exp !== 'number' || mode === undefined)
    return undefined;
  return { sid: sub, shareId: jti, mode, expiresAt: exp * 1_000 };
}

function payloadOf(token: string): unknown {
  try {
    const base64 = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

export interface GuestEnd {
  title: string;
  text: string;
}

/** Why a guest sees nothing (more). `wasIn`: the session had been shown before. */
export function guestEnd(
  claims: ReadShareClaims | undefined,
  error: ErrorInfo | undefined,
  wasIn: boolean,
  now: number,
): GuestEnd {
  if (error?.code === 'session_gone')
    return { title: 'This session was deleted', text: 'Its owner deleted the session and its contents.' };
  if (claims === undefined)
    return {
      title: 'This link is incomplete',
      text: 'Part of it was lost when it was copied. Ask the sender for the complete link.',
    };
  if (claims.expiresAt <= now)
    return {
      title: 'This link has expired',
      text: `It expired on ${new Date(claims.expiresAt).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })}. Ask the sender for a new link.`,
    };
  if (wasIn)
    return {
      title: 'This link was revoked',
      text: 'The owner revoked your link. The session is no longer shown.',
    };
  return {
    title: 'This link does not open a session',
    text: 'It was revoked, the session was deleted, or part of the link was lost when it was copied. Ask the sender for a new link.',
  };
}
