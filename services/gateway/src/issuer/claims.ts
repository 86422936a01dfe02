import { isMap } from '@pizzapi/protocol';
import { shownName } from '../auth/shownName.js';

/** What the issuer says of a person. */
export interface PersonClaims {
  issuer: string;
  /** Names the person at the issuer, for ever. */
  subject: string;
  name?: string;
  /** Only an address that the issuer has verified. */
  address?: string;
  /** Undefined where the issuer lists none. */
  groups?: ReadonlySet<string>;
  /** The session at the issuer. */
  sid?: string;
}

type Claims = Readonly<Record<string, unknown>>;

const ADDRESS = /^[^@\s]{1,64}@[^@\s]{1,253}$/;
const MAX_ADDRESS = 254;
/** A subject has at most 255 characters by its specification. */
const MAX_SUBJECT = 255;
const MAX_SID = 512;
/** Groups that are read; a list that is longer is cut. */
const MAX_GROUPS = 10_000;

/**
 * Reads the claims of an ID token; `userinfo` adds those that the token lacks. Returns undefined without a usable issuer
 * and subject.
 */
export function readClaims(token: Claims, userinfo: Claims | undefined, groupsClaim: string): PersonClaims | undefined {
  const { iss: issuer, sub: subject, sid } = token;
  if (typeof issuer !== 'string' || typeof subject !== 'string') return undefined;
  if (subject === '' || subject.length > MAX_SUBJECT) return undefined;
  // The address and its verification come from the same place.
  const address = verifiedAddress(token) ?? (token['email'] === undefined ? verifiedAddress(userinfo) : undefined);
  const groups = groupsIn(token, groupsClaim) ?? groupsIn(userinfo, groupsClaim);
  const named = [token, userinfo ?? {}].flatMap(({ name, preferred_username: login }) => [name, login]);
  const name = named.map((one) => (typeof one === 'string' ? shownName(one) : '')).find((one) => one !== '');
  return {
    ...{ issuer, subject },
    ...(name === undefined ? {} : { name }),
    ...(address === undefined ? {} : { address }),
    ...(groups === undefined ? {} : { groups }),
    ...(typeof sid === 'string' && sid !== '' && sid.length <= MAX_SID ? { sid } : {}),
  };
}

/** Whether the userinfo endpoint could add something that is needed. */
export const lacksClaims = (token: Claims, groupsClaim: string): boolean =>
  token['email'] === undefined || token['name'] === undefined || groupsIn(token, groupsClaim) === undefined;

function verifiedAddress(claims: Claims | undefined): string | undefined {
  const { email, email_verified: verified } = claims ?? {};
  // Some issuers write the claim as a text.
  if (verified !== true && verified !== 'true') return undefined;
  if (typeof email !== 'string' || email.length > MAX_ADDRESS || !ADDRESS.test(email)) return undefined;
  return email.normalize('NFKC').toLowerCase();
}

/** The claim of this very name, or the nested one that the dots lead to. */
function groupsIn(claims: Claims | undefined, claim: string): ReadonlySet<string> | undefined {
  if (claims === undefined) return undefined;
  const nested = () =>
    claim.split('.').reduce<unknown>((value, key) => (isMap(value) ? value[key] : undefined), claims);
  const value = Object.hasOwn(claims, claim) ? claims[claim] : nested();
  if (typeof value === 'string') return new Set([value]);
  if (!Array.isArray(value)) return undefined;
  const listed: unknown[] = value.slice(0, MAX_GROUPS);
  return new Set(listed.filter((group) => typeof group === 'string'));
}
