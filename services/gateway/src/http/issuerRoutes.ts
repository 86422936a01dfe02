import {
  CodedError,
  errorInfo,
  IssuerFinishBody,
  IssuerFinishReply,
  IssuerStartBody,
  IssuerStartReply,
} from '@pizzapi/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isEncrypted } from '../auth/cookies.js';
import type { SignInSuccess } from '../accounts/signIn.js';
import { retryAfterText, type Client } from '../accounts/outcome.js';
import type { IssuerModule } from '../issuer/issuerModule.js';
import type { GatewayMetrics } from '../metrics.js';
import { refuser } from './refuse.js';
import { route } from './schemas.js';

export interface IssuerRouteDeps {
  issuer: IssuerModule;
  metrics: GatewayMetrics;
  clientOf: (request: FastifyRequest) => Client;
  /** The cookies of a browser that is signed in, and what its page is told. */
  signedIn: (reply: FastifyReply, success: SignInSuccess) => { cookies: string[]; body: object };
}

const tag = 'auth';
const signsIn = { config: { open: true, signsIn: true }, bodyLimit: 8 * 1024 };
const beginsSignIn = { ...signsIn, config: { ...signsIn.config, beginsSignIn: true } };
/** Bytes of the form with a logout token. */
const LOGOUT_BODY_BYTES = 32 * 1024;

/** Signing in through the issuer, and its word that a person has left. */
export function issuerRoutes(app: FastifyInstance, { issuer, metrics, clientOf, signedIn }: IssuerRouteDeps): void {
  const refuse = refuser(metrics);
  const cookieOf = ({ raw }: FastifyRequest) => issuer.cookieOf({ isEncrypted: isEncrypted(raw) });
  const elsewhere = () => errorInfo('forbidden_host', `Sign in at ${issuer.publicUrl()}`);

  app.post<{ Body: IssuerStartBody }>(
    '/api/auth/oidc/start',
    {
      ...beginsSignIn,
      schema: route({
        summary: 'Begin a sign-in through the issuer',
        tag,
        body: IssuerStartBody,
        answers: { 200: IssuerStartReply },
      }),
    },
    async (request, reply) => {
      // The issuer sends browsers back to one address, where the cookie has to be.
      if (!issuer.isAtPage(request.headers)) return refuse(reply, { error: elsewhere() });
      const { url, binding, cookie } = await issuer.signIn.start(request.body);
      return reply.header('set-cookie', cookieOf(request).keep(cookie)).send({ url, binding });
    },
  );

  app.post<{ Body: IssuerFinishBody }>(
    '/api/auth/oidc/finish',
    {
      ...signsIn,
      schema: route({
        summary: 'Sign in a browser that the issuer has sent back',
        tag,
        body: IssuerFinishBody,
        answers: { 200: IssuerFinishReply },
      }),
    },
    async (request, reply) => {
      const own = cookieOf(request);
      const pending = own.read(request.headers.cookie);
      const outcome = await issuer.signIn.finish(request.body, pending, clientOf(request));
      if (outcome.kind === 'refused') {
        // What was begun counts once.
        if (pending !== undefined && outcome.isPending !== true) reply.header('set-cookie', own.drop());
        return refuse(reply, outcome);
      }
      const { cookies, body } = signedIn(reply, outcome);
      return reply.header('set-cookie', [...cookies, own.drop()]).send({ ...body, returnTo: outcome.returnTo });
    },
  );

  void app.register(async (scope) => {
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string' },
      async (_request: FastifyRequest, body: string | Buffer) => new URLSearchParams(String(body)),
    );
    scope.post(
      '/auth/oidc/backchannel-logout',
      {
        config: { open: true },
        bodyLimit: LOGOUT_BODY_BYTES,
        schema: route({ summary: 'The issuer ends logins (OpenID Connect Back-Channel Logout)', tag }),
      },
      async (request, reply) => {
        const { ip, body } = request;
        const text = body instanceof URLSearchParams ? body.get('logout_token') : null;
        const token = text === null ? undefined : await issuer.client.verifyLogoutToken(text);
        if (token === undefined || !(await issuer.checks.endNamed(token))) {
          // Only wrong tokens count: an issuer may end many logins at once.
          const wait = await issuer.limits.consume('issuer_logout', { ip });
          if (wait !== undefined) return refuse(reply, retryAfterText(wait));
          issuer.audit('login_failed', { ip, how: 'issuer', why: 'logout_token' });
          throw new CodedError('bad_request', 'This is no logout token of the issuer for this gateway');
        }
        return reply.code(200).send({});
      },
    );
  });
}
