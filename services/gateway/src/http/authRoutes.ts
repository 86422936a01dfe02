import type { AuditWriter } from '@pizzapi/backbone';
import { loginUrl, packageVersion } from '@pizzapi/process';
import {
  AuthOptions,
  errorInfo,
  HandoverReply,
  IdParams,
  LinkBody,
  LoginBody,
  LoginsReply,
  Me,
  PasswordBody,
  SignedIn as SignedInReply,
  SignupBody,
  spokenVersion,
  type AccountRow,
} from '@pizzapi/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Logins } from '../accounts/logins.js';
import type { Handovers } from '../accounts/handovers.js';
import type { Client } from '../accounts/outcome.js';
import type { PasswordPolicy } from '../accounts/passwordPolicy.js';
import type { SignInSuccess, SignIn } from '../accounts/signIn.js';
import type { SignUp } from '../accounts/signUp.js';
import { isEncrypted, type Cookies } from '../auth/cookies.js';
import type { IssuerModule } from '../issuer/issuerModule.js';
import { issuerRoutes } from './issuerRoutes.js';
import type { PageTokens } from '../auth/pageTokens.js';
import type { Credential, Principal } from '../auth/principal.js';
import type { CredentialCache } from '../auth/credentialCache.js';
import type { GatewayMetrics } from '../metrics.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { route } from './schemas.js';

export interface AuthDeps {
  credentialCache: CredentialCache;
  logins: Logins;
  signIn: SignIn;
  signUp: SignUp;
  handovers: Handovers;
  outsideUrl: () => { url: string; localOnly: boolean };
  cookies: Cookies;
  pageTokens: PageTokens;
  /** Sign-in through an issuer, where the operator has named one. */
  issuer: IssuerModule | undefined;
  passwordPolicy: PasswordPolicy;
  audit: AuditWriter;
  metrics: GatewayMetrics;
}

/** The size of bodies with a password; no password is larger. */
export const SMALL_BODY_BYTES = 8 * 1024;

const VERSION = packageVersion(import.meta.url);
const tag = 'auth';
const open = { config: { open: true }, bodyLimit: SMALL_BODY_BYTES };
const signsIn = { config: { open: true, signsIn: true }, bodyLimit: SMALL_BODY_BYTES };

const BY: Readonly<Record<Credential['kind'], Me['by']>> = {
  login: 'session',
  key: 'key',
  local: 'local',
  share: 'share',
};

function meOf(
  { userId, name, role, credential }: Principal,
  account: AccountRow | undefined,
  { issuer, passwordPolicy }: Pick<AuthDeps, 'issuer' | 'passwordPolicy'>,
): Me {
  const email = account?.email ?? account?.identity?.address;
  const known = issuer !== undefined && account?.identity !== undefined;
  return {
    userId,
    name,
    role,
    ...(email === undefined ? {} : { email }),
    by: BY[credential.kind],
    hasPassword: account?.password !== undefined && passwordPolicy.mayUse(account),
    ...(known ? { issuer: { name: issuer.settings.name } } : {}),
    ...(role === 'guest' ? {} : { relay: spokenVersion(VERSION) }),
  };
}

/** What a page offers of the issuer. */
async function issuerOption({ client, settings, publicUrl }: IssuerModule): Promise<Pick<AuthOptions, 'issuer'>> {
  const signOutUrl = await client.signOutUrl(`${publicUrl()}/`);
  const more = signOutUrl === undefined ? {} : { signOutUrl };
  return { issuer: { name: settings.name, available: client.isAvailable, ...more } };
}

const clientOf = ({ ip, headers, raw }: FastifyRequest): Client => ({
  ...{ ip, userAgent: headers['user-agent'] ?? '', cookies: headers.cookie, isEncrypted: isEncrypted(raw) },
});

/** Getting an account, signing in and out, the password, and the sign-ins there are. */
export function authRoutes(app: FastifyInstance, deps: AuthDeps): void {
  const { credentialCache, logins, signIn, signUp, pageTokens, issuer, audit, metrics } = deps;
  const cookiesOf = ({ raw }: FastifyRequest) => deps.cookies.of({ isEncrypted: isEncrypted(raw) });
  const refuse = refuser(metrics);
  const signedInOf = (reply: FastifyReply, { account, cookie: value }: SignInSuccess) => {
    const { userId, name, role, email } = account;
    const own = cookiesOf(reply.request);
    const device = email === undefined ? undefined : own.device.keep(reply.request.headers.cookie, email);
    const principal: Principal = { userId, name, role, via: 'owner', credential: { kind: 'login', id: '' } };
    const cookies = [own.login.keep(value), ...(device === undefined ? [] : [device])];
    return { cookies, body: { ...meOf(principal, account, deps), pageToken: pageTokens.of(value) } };
  };
  const signedIn = (reply: FastifyReply, success: SignInSuccess): FastifyReply => {
    const { cookies, body } = signedInOf(reply, success);
    return reply.header('set-cookie', cookies).send(body);
  };
  if (issuer !== undefined) issuerRoutes(app, { issuer, metrics, clientOf, signedIn: signedInOf });

  app.get(
    '/api/auth/options',
    { ...open, schema: route({ summary: 'The available sign-in methods', tag, answers: { 200: AuthOptions } }) },
    async ({ headers }) => {
      // The issuer sends browsers back to the address of the page alone.
      const offered = issuer === undefined || issuer.isLan(headers) ? {} : await issuerOption(issuer);
      const passwords = deps.passwordPolicy.isOn ? {} : { passwords: false };
      return { signup: await signUp.mode(), accounts: signUp.hasPasswords(), ...passwords, ...offered };
    },
  );

  app.post<{ Body: SignupBody }>(
    '/api/auth/signup',
    {
      ...signsIn,
      schema: route({
        summary: 'Sign up; 201 signs in, 202 does not reveal whether the address was taken',
        tag,
        body: SignupBody,
        answers: { 201: Type.Union([SignedInReply, Me]), 202: Type.Object({}) },
      }),
    },
    async (request, reply) => {
      const outcome = await signUp.signUp(request.body, clientOf(request), request.principal);
      if (outcome.kind === 'refused') return refuse(reply, outcome);
      if (outcome.kind === 'accepted') return reply.code(202).send({});
      reply.code(201);
      return outcome.kind === 'signed_in'
        ? signedIn(reply, outcome)
        : reply.send(meOf({ ...principalOf(request), name: outcome.account.name }, outcome.account, deps));
    },
  );

  app.post<{ Body: LoginBody }>(
    '/api/auth/login',
    { ...signsIn, schema: route({ summary: 'Sign in', tag, body: LoginBody, answers: { 200: SignedInReply } }) },
    async (request, reply) => {
      const outcome = await signIn.withPassword(request.body, clientOf(request));
      return outcome.kind === 'refused' ? refuse(reply, outcome) : signedIn(reply, outcome);
    },
  );

  app.post<{ Body: { token: string } }>(
    '/api/auth/link',
    {
      ...signsIn,
      schema: route({
        summary: 'Sign in with the token of a one-time link',
        tag,
        body: LinkBody,
        answers: { 200: SignedInReply },
      }),
    },
    async (request, reply) => {
      const outcome = await signIn.withLink(request.body.token, clientOf(request));
      return outcome.kind === 'refused' ? refuse(reply, outcome) : signedIn(reply, outcome);
    },
  );

  app.post(
    '/api/auth/handover',
    {
      bodyLimit: SMALL_BODY_BYTES,
      schema: route({
        summary: 'Create a link that signs another device in to your account, once, within minutes',
        tag,
        answers: { 201: HandoverReply },
      }),
    },
    async (request, reply) => {
      const { url, localOnly } = deps.outsideUrl();
      if (localOnly) return refuse(reply, { error: errorInfo('not_reachable') });
      const outcome = await deps.handovers.create(principalOf(request));
      if (outcome.kind === 'refused') return refuse(reply, outcome);
      return reply.code(201).send({ url: loginUrl(url, outcome.token), expiresAt: outcome.expiresAt });
    },
  );

  app.post('/api/auth/logout', { ...open, schema: route({ summary: 'Sign out', tag }) }, async (request, reply) => {
    const { principal, ip } = request;
    if (principal !== null) await signIn.out(principal.userId, principal.credential, ip);
    // What an earlier version let the browser keep goes too. Nothing of what is private is kept any more.
    return reply
      .header('set-cookie', cookiesOf(request).login.drop())
      .header('clear-site-data', '"cache"')
      .code(204)
      .send();
  });

  app.post<{ Body: PasswordBody }>(
    '/api/auth/password',
    {
      bodyLimit: SMALL_BODY_BYTES,
      schema: route({
        summary: 'Change the password; all other sign-ins of the account end',
        tag,
        body: PasswordBody,
        answers: { 200: Me },
      }),
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const outcome = await signUp.setPassword(principal, request.body, clientOf(request));
      return outcome.kind === 'refused' ? refuse(reply, outcome) : meOf(principal, outcome.account, deps);
    },
  );

  app.get(
    '/api/auth/me',
    { config: { guests: true }, schema: route({ summary: 'Your account', tag, answers: { 200: Me } }) },
    async (request) => {
      const principal = principalOf(request);
      const account = principal.role === 'guest' ? undefined : await credentialCache.account(principal.userId);
      return meOf(principal, account, deps);
    },
  );

  app.get(
    '/api/auth/logins',
    { schema: route({ summary: 'Your sign-ins', tag, answers: { 200: LoginsReply } }) },
    async (request) => {
      const { userId, credential } = principalOf(request);
      return { logins: logins.listOf(userId, credential.id) };
    },
  );

  app.delete<{ Params: { id: string } }>(
    '/api/auth/logins/:id',
    { schema: route({ summary: 'End one of your sign-ins', tag, params: IdParams }) },
    async (request, reply) => {
      const { userId } = principalOf(request);
      const { id } = request.params;
      if (!(await logins.end(userId, id))) return refuse(reply, { error: errorInfo('login_not_found') });
      audit('logout', { userId, ip: request.ip, loginId: id });
      return reply.code(204).send();
    },
  );
}
