import type { PersonClaims } from './claims.js';
import type { AdmissionRules } from './options.js';

/** Why the issuer's person may not sign in. */
export type AdmissionRefusal = 'address_unverified' | 'domain' | 'groups_missing' | 'group';

export type IssuerAdmission = { kind: 'allowed' } | { kind: 'refused'; why: AdmissionRefusal };

/** Decides whether the rules allow a person. Every rule that is set has to be met. */
export function admit(claims: PersonClaims, { domains, groups, adminGroup }: AdmissionRules): IssuerAdmission {
  if (domains !== 'any' && domains.length > 0) {
    if (claims.address === undefined) return { kind: 'refused', why: 'address_unverified' };
    if (!domains.includes(claims.address.slice(claims.address.lastIndexOf('@') + 1)))
      return { kind: 'refused', why: 'domain' };
  }
  if (groups.length === 0) return { kind: 'allowed' };
  if (claims.groups === undefined) return { kind: 'refused', why: 'groups_missing' };
  const listed = claims.groups;
  const isMember = [...groups, ...(adminGroup === undefined ? [] : [adminGroup])].some((group) => listed.has(group));
  return isMember ? { kind: 'allowed' } : { kind: 'refused', why: 'group' };
}

/** Whether the rules let in a person who has no account yet: one of them has to name people. */
export const admitsNewPeople = ({ domains, groups }: AdmissionRules): boolean =>
  domains === 'any' || domains.length > 0 || groups.length > 0;

/** The role that the issuer gives, or undefined when the role is not of the issuer's making. */
export function roleOf({ groups }: PersonClaims, { adminGroup }: AdmissionRules): 'admin' | 'member' | undefined {
  if (adminGroup === undefined) return undefined;
  return groups?.has(adminGroup) === true ? 'admin' : 'member';
}
