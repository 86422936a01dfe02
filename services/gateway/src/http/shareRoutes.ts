import type { AuditWriter } from '@pizzapi/backbone';
import {
  errorInfo,
  NewShareBody,
  NewShareReply,
  OpenShareBody,
  OpenShareReply,
  parseDuration,
  ShareChangeBody,
  ShareInfo,
  ShareParams,
  SharesReply,
  ShareWithBody,
  type ErrorInfo,
  type ShareRow,
} from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import { retryAfterText } from '../accounts/outcome.js';
import type { AttemptRateLimiter } from '../accounts/rateLimits.js';
import { MAX_LIVE_SHARES, type ShareStore } from '../auth/shareStore.js';
import { MAX_SHARE_MS, type ShareTokens } from '../auth/shareTokens.js';
import type { GatewayMetrics } from '../metrics.js';
import { auditFieldsOf } from '../auth/principal.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { route, SessionParams } from './schemas.js';

/** The default lifetime of a link, in ms. */
const DEFAULT_SHARE_MS = 24 * 60 * 60_000;
/** The shortest life, in ms. */
const MIN_SHARE_MS = 60_000;

type AccountNames = (userId: string) => { name: string } | undefined;

export interface ShareDeps {
  shares: ShareStore;
  tokens: ShareTokens;
  audit: AuditWriter<'share_created' | 'share_changed' | 'share_revoked'>;
  metrics: GatewayMetrics;
  limits: AttemptRateLimiter;
  /** The account that a person names by its exact address or id, unless it is disabled. */
  findPerson: (named: string) => Promise<{ userId: string; name: string } | undefined>;
  accountOf: AccountNames;
  /** The address that other people can open. `localOnly`: no other device can open it. */
  outsideUrl: () => { url: string; localOnly: boolean };
  /** The path of the page below its host. */
  pagePath: string;
}

interface OfSession {
  Params: { sid: string };
}
interface OfShare {
  Params: { sid: string; shareId: string };
}

const tag = 'shares';

/** The links of a session, for its owner. A token is shown once, after the `#` of the address, which browsers do not send. */
export function shareRoutes(app: FastifyInstance, deps: ShareDeps): void {
  const { shares, tokens, audit, outsideUrl, pagePath, limits, findPerson } = deps;
  const refuse = refuser(deps.metrics);
  app.post<OfSession & { Body: NewShareBody }>(
    '/api/sessions/:sid/shares',
    {
      schema: route({
        summary: 'Create a share link: read, write, or write and approve',
        tag,
        params: SessionParams,
        body: NewShareBody,
        answers: { 201: NewShareReply },
      }),
    },
    async (request, reply) => {
      const { sid } = request.params;
      const { mode = 'read', files = false, expiresIn = DEFAULT_SHARE_MS / 1_000 } = request.body;
      const life = parseDuration(expiresIn);
      if (life === undefined || life < MIN_SHARE_MS || life > MAX_SHARE_MS)
        return refuse(reply, {
          error: errorInfo('bad_request', '`expiresIn` is seconds, or 30m, 2h, 7d: a minute to 30 days'),
        });
      const principal = principalOf(request);
      // To the second, as the token has it.
      const expiresAt = Math.floor((Date.now() + life) / 1_000) * 1_000;
      const outcome = await shares.create({ sid, userId: principal.userId, mode, files, expiresAt });
      if (outcome.kind === 'too_many') return refuse(reply, { error: tooManyShares() });
      const { shareId } = outcome.share;
      const token = await tokens.sign({ sid, shareId, mode, expiresAt });
      audit('share_created', {
        ...auditFieldsOf(principal),
        sessionId: sid,
        shareId,
        mode,
        expiresAt,
        ...(files && { files }),
      });
      const { url, localOnly } = outsideUrl();
      const shareUrl = `${url}/s/${sid}#share=${token}`;
      const { code, until: scanUntil } = outcome.scan;
      const scanUrl = `${url}/l/${code}`;
      // The code is in the fragment, which browsers send to no server, because it works as long as the link.
      const shortUrl = `${url}/l#${code}`;
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({
          shareUrl,
          token,
          expiresAt,
          shareId,
          mode,
          scanUrl,
          scanUntil,
          shortUrl,
          ...(localOnly ? { localOnly } : {}),
        });
    },
  );

  // Not of the API: it is opened by a camera.
  app.get<{ Params: { code: string } }>(
    '/l/:code',
    { config: { open: true }, schema: { hide: true } },
    async (request, reply) => {
      void reply.header('cache-control', 'no-store');
      const share = shares.scanned(request.params.code);
      if (share === undefined)
        return reply.code(404).type('text/plain; charset=utf-8').send('This code has expired. Ask for a new link.\n');
      const { sessionId: of, shareId, mode, expiresAt } = share;
      const token = await tokens.sign({ sid: of, shareId, mode, expiresAt });
      return reply.redirect(`${pagePath}/s/${of}#share=${token}`, 302);
    },
  );

  app.get<OfSession>(
    '/api/sessions/:sid/shares',
    {
      schema: route({
        summary:
          'The share links of this session that have not expired, and its shares with people; revoked ones are marked',
        tag,
        params: SessionParams,
        answers: { 200: SharesReply },
      }),
    },
    async (request) => ({ shares: shares.list(request.params.sid).map((share) => infoOf(share, deps.accountOf)) }),
  );

  app.post<OfSession & { Body: ShareWithBody }>(
    '/api/sessions/:sid/people',
    {
      schema: route({
        summary: 'Share the session with an account, by its exact e-mail address or id',
        tag,
        params: SessionParams,
        body: ShareWithBody,
        answers: { 201: ShareInfo },
      }),
    },
    async (request, reply) => {
      const { sid } = request.params;
      const { person: named, mode = 'read' } = request.body;
      const principal = principalOf(request);
      const { userId } = principal;
      // Otherwise a person could find out which addresses have an account.
      const wait = await limits.consume('share_person', { ip: request.ip, account: userId, signedIn: true });
      if (wait !== undefined) return refuse(reply, retryAfterText(wait));
      const grantedAs = named.trim();
      const found = await findPerson(grantedAs);
      if (found === undefined) return refuse(reply, { error: errorInfo('person_not_found') });
      if (found.userId === userId)
        return refuse(reply, { error: errorInfo('bad_request', 'The session is your own already') });
      const outcome = await shares.createForPerson({ sid, userId, grantee: found.userId, grantedAs, mode });
      if (outcome.kind === 'too_many') return refuse(reply, { error: tooManyShares() });
      const { share } = outcome;
      if (outcome.kind === 'created')
        audit('share_created', { ...auditFieldsOf(principal), ...auditedShare(share), mode });
      return reply.code(201).send(infoOf(share, deps.accountOf));
    },
  );

  app.post<{ Body: { code: string } }>(
    '/api/shares/open',
    {
      config: { open: true },
      schema: route({
        summary: 'Exchange the code of a short address for the share link',
        tag,
        body: OpenShareBody,
        answers: { 200: OpenShareReply },
      }),
    },
    async (request, reply) => {
      const share = shares.byCode(request.body.code);
      if (share === undefined) {
        const wait = await limits.consume('share_code', { ip: request.ip });
        return refuse(reply, wait === undefined ? { error: errorInfo('link_ended') } : retryAfterText(wait));
      }
      const { sessionId, shareId, mode, expiresAt } = share;
      const token = await tokens.sign({ sid: sessionId, shareId, mode, expiresAt });
      return reply.header('cache-control', 'no-store').send({ sessionId, token });
    },
  );

  app.delete<OfSession>(
    '/api/sessions/:sid/shares',
    {
      schema: route({
        summary: 'Revoke all links of this session, and its shares with people',
        tag,
        params: SessionParams,
      }),
    },
    async (request, reply) => {
      const { sid } = request.params;
      for (const share of await shares.revokeAll(sid))
        audit('share_revoked', { ...auditFieldsOf(principalOf(request)), ...auditedShare(share) });
      return reply.code(204).send();
    },
  );

  app.delete<OfShare>(
    '/api/sessions/:sid/shares/:shareId',
    { schema: route({ summary: 'Revoke a share link and disconnect its guests', tag, params: ShareParams }) },
    async (request, reply) => {
      const { sid, shareId } = request.params;
      const share = await shares.find(sid, shareId);
      if (share === undefined || !(await shares.revoke(sid, shareId)))
        return refuse(reply, { error: unknownShare(shareId) });
      audit('share_revoked', { ...auditFieldsOf(principalOf(request)), ...auditedShare(share) });
      return reply.code(204).send();
    },
  );

  app.patch<OfShare & { Body: ShareChangeBody }>(
    '/api/sessions/:sid/shares/:shareId',
    {
      schema: route({
        summary: 'Reduce the mode of a share link',
        tag,
        params: ShareParams,
        body: ShareChangeBody,
      }),
    },
    async (request, reply) => {
      const { sid, shareId } = request.params;
      const { mode } = request.body;
      const outcome = await shares.restrict(sid, shareId, mode);
      if (outcome === 'missing') return refuse(reply, { error: unknownShare(shareId) });
      if (outcome === 'raised')
        return refuse(reply, {
          error: errorInfo('bad_request', 'The mode of a link can only be reduced; create a new link'),
        });
      if (outcome === 'restricted')
        audit('share_changed', { ...auditFieldsOf(principalOf(request)), sessionId: sid, shareId, mode });
      return reply.code(204).send();
    },
  );
}

const tooManyShares = (): ErrorInfo =>
  errorInfo('too_many_requests', `A session can have at most ${MAX_LIVE_SHARES} links and shares; revoke one`);

const unknownShare = (shareId: string): ErrorInfo =>
  errorInfo('share_not_found', `This session has no valid link "${shareId}"`);

const auditedShare = ({ sessionId, shareId, grantee }: ShareRow) => ({
  ...{ sessionId, shareId },
  ...(grantee === undefined ? {} : { target: grantee }),
});

/** A share as its owner sees it. */
function infoOf(share: ShareRow, accountOf: AccountNames): ShareInfo {
  const { shareId, mode, files, createdAt, expiresAt, revokedAt, grantee, grantedAs = '' } = share;
  const name = grantee === undefined ? undefined : (accountOf(grantee)?.name ?? grantee);
  return {
    ...{ shareId, mode, createdAt, expiresAt },
    ...(files === true ? { files } : {}),
    ...(revokedAt === undefined ? {} : { revokedAt }),
    ...(grantee === undefined || name === undefined ? {} : { person: { userId: grantee, name, givenAs: grantedAs } }),
  };
}
