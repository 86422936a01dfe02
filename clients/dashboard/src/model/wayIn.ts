import type { UserInfo } from '@pizzapi/protocol';

/** How a person signs in. */
export function wayIn({ identity, hasPassword }: Pick<UserInfo, 'identity' | 'hasPassword'>): string {
  if (identity !== undefined) return `signs in through ${hostOf(identity.issuer)}`;
  return hasPassword === false ? 'signs in by link' : 'signs in with a password';
}

const hostOf = (issuer: string): string => (URL.canParse(issuer) ? new URL(issuer).host : issuer);
