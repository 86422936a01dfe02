import { defineOptions, OPTIONS, type OptionValues } from '@pizzapi/process';
import { CodedError, isOfThisMachine, parseDuration } from '@pizzapi/protocol';

/** The options of sign-in through an issuer of OpenID Connect. Without `PIZZAPI_OIDC_ISSUER` there is no such sign-in. */
export const ISSUER_OPTIONS = defineOptions({
  oidcIssuer: {
    env: 'PIZZAPI_OIDC_ISSUER',
    help: 'Address of the OpenID Connect issuer that people sign in through',
    type: 'string',
  },
  oidcClientId: { env: 'PIZZAPI_OIDC_CLIENT_ID', help: 'Name of this gateway at the issuer', type: 'string' },
  oidcClientSecret: OPTIONS.oidcClientSecret,
  oidcScopes: {
    env: 'PIZZAPI_OIDC_SCOPES',
    help: 'Scopes that the gateway requests, separated by spaces; many issuers give a refresh token only with offline_access',
    type: 'string',
    default: 'openid profile email',
  },
  oidcName: {
    env: 'PIZZAPI_OIDC_NAME',
    help: 'Name of the issuer on the sign-in page (default: its host name)',
    type: 'string',
  },
  oidcDomains: {
    env: 'PIZZAPI_OIDC_ALLOWED_DOMAINS',
    help: 'Domains of verified e-mail addresses that may sign in, separated by commas; * = every person of the issuer',
    type: 'string',
  },
  oidcGroups: {
    env: 'PIZZAPI_OIDC_ALLOWED_GROUPS',
    help: 'Groups whose members may sign in, separated by commas',
    type: 'string',
  },
  oidcAdminGroup: {
    env: 'PIZZAPI_OIDC_ADMIN_GROUP',
    help: 'Group whose members are admins; each sign-in sets the role',
    type: 'string',
  },
  oidcGroupsClaim: {
    env: 'PIZZAPI_OIDC_GROUPS_CLAIM',
    help: 'Claim that lists the groups of a person; dots lead into a nested claim',
    type: 'string',
    default: 'groups',
  },
  oidcLinkByEmail: {
    env: 'PIZZAPI_OIDC_LINK_BY_EMAIL',
    help: 'Let the first sign-in through the issuer take over the account with the same verified address',
    type: 'boolean',
    default: false,
  },
  oidcPasswords: {
    env: 'PIZZAPI_OIDC_PASSWORDS',
    help: 'Whether accounts without the issuer keep their passwords: keep, off',
    type: 'string',
    choices: ['keep', 'off'],
    default: 'keep',
  },
  oidcCheck: {
    env: 'PIZZAPI_OIDC_CHECK',
    help: 'Time between two checks of a sign-in at the issuer, by its refresh token: 30s, 15m, 1h',
    type: 'string',
    default: '15m',
  },
  oidcLogin: {
    env: 'PIZZAPI_OIDC_LOGIN',
    help: 'Lifetime of a sign-in that the issuer gave no refresh token for: 30m, 12h, 7d',
    type: 'string',
    default: '12h',
  },
  oidcConfirm: {
    env: 'PIZZAPI_OIDC_CONFIRM',
    help: 'Time without a confirmation by the issuer after which an account is disabled, with its keys and runners: 12h, 30d',
    type: 'string',
    default: '30d',
  },
});

/** How people sign in through the issuer. */
export interface IssuerSettings {
  issuer: URL;
  clientId: string;
  clientSecret?: string | undefined;
  scopes: string;
  /** On the button. */
  name: string;
  rules: AdmissionRules;
  groupsClaim: string;
  linkByEmail: boolean;
  /** Whether accounts without the issuer keep their passwords. */
  passwords: 'keep' | 'off';
  checkMs: number;
  loginMs: number;
  confirmMs: number;
}

/** Whom the issuer lets in. */
export interface AdmissionRules {
  /** In lower case. `any`: every person of the issuer. Empty: the domain does not matter. */
  domains: readonly string[] | 'any';
  groups: readonly string[];
  adminGroup?: string | undefined;
}

/** Returns the settings, or undefined without an issuer. Throws `bad_option`, which names the variable. */
export function readIssuerSettings(given: OptionValues<typeof ISSUER_OPTIONS>): IssuerSettings | undefined {
  if (given.oidcIssuer === undefined) return undefined;
  const issuer = readIssuer(given.oidcIssuer);
  const clientId = given.oidcClientId?.trim();
  if (clientId === undefined || clientId === '') throw wrong('CLIENT_ID', 'is missing');
  const scopes = given.oidcScopes.trim().split(/[\s,]+/);
  if (!scopes.includes('openid')) throw wrong('SCOPES', 'has to contain openid');
  const domains = listOf(given.oidcDomains).map((domain) => domain.toLowerCase().replace(/^@/, ''));
  return {
    ...{ issuer, clientId, clientSecret: given.oidcClientSecret, scopes: scopes.join(' ') },
    name: given.oidcName ?? issuer.hostname,
    rules: {
      domains: domains.includes('*') ? 'any' : domains,
      groups: listOf(given.oidcGroups),
      adminGroup: given.oidcAdminGroup,
    },
    groupsClaim: given.oidcGroupsClaim,
    linkByEmail: given.oidcLinkByEmail,
    passwords: given.oidcPasswords,
    checkMs: readTime('CHECK', given.oidcCheck),
    loginMs: readTime('LOGIN', given.oidcLogin),
    confirmMs: readTime('CONFIRM', given.oidcConfirm),
  };
}

/** An issuer without TLS could be anyone, but on this machine. */
function readIssuer(text: string): URL {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    throw wrong('ISSUER', 'has to be an https address without a query');
  if (url.username !== '' || url.password !== '') throw wrong('ISSUER', 'has to be an address without a password');
  if (url.protocol === 'http:' && !isOfThisMachine(url.href)) throw wrong('ISSUER', 'has to begin with https://');
  return url;
}

function readTime(name: string, text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw wrong(name, `is "${text}", but takes a time such as 30s, 15m, 12h or 30d`);
  return ms;
}

const listOf = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');

const wrong = (name: string, what: string): CodedError => new CodedError('bad_option', `PIZZAPI_OIDC_${name} ${what}`);
