import type { AuditWriter } from '@pizzapi/backbone';
import {
  errorInfo,
  NewShareBody,
  NewShareReply,
  parseDuration,
  ShareChangeBody,
  ShareParams,
  SharesReply,
  type ErrorInfo,
  type ShareInfo,
  type ShareRow,
} from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
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

export interface ShareDeps {
  shares: ShareStore;
  tokens: ShareTokens;
  audit: AuditWriter<'share_created' | 'share_changed' | 'share_revoked'>;
  metrics: GatewayMetrics;
  /** The address people open, without a slash at its end. */
  publicUrl: () => string;
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
  const { shares, tokens, audit, publicUrl } = deps;
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
      const { mode = 'read', expiresIn = DEFAULT_SHARE_MS / 1_000 } = request.body;
      const life = parseDuration(expiresIn);
      if (life === undefined || life < MIN_SHARE_MS || life > MAX_SHARE_MS)
        return refuse(reply, {
          error: errorInfo('bad_request', '`expiresIn` is seconds, or 30m, 2h, 7d: a minute to 30 days'),
        });
      const principal = principalOf(request);
      // To the second, as the token has it.
      const expiresAt = Math.floor((Date.now() + life) / 1_000) * 1_000;
      const outcome = await shares.create({ sid, userId: principal.userId, mode, expiresAt });
      if (outcome.kind === 'too_many')
        return refuse(reply, {
          error: errorInfo('too_many_requests', `A session can have at most ${MAX_LIVE_SHARES} links; revoke one`),
        });
      const { shareId } = outcome.share;
      const token = await tokens.sign({ sid, shareId, mode, expiresAt });
      audit('share_created', { ...auditFieldsOf(principal), sessionId: sid, shareId, mode, expiresAt });
      const shareUrl = `${publicUrl()}/s/${sid}#share=${token}`;
      const { code, until: scanUntil } = outcome.scan;
      const scanUrl = `${publicUrl()}/l/${code}`;
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ shareUrl, token, expiresAt, shareId, mode, scanUrl, scanUntil });
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
      return reply.redirect(`/s/${of}#share=${token}`, 302);
    },
  );

  app.get<OfSession>(
    '/api/sessions/:sid/shares',
    {
      schema: route({
        summary: 'The share links of this session that have not expired, with revoked ones marked',
        tag,
        params: SessionParams,
        answers: { 200: SharesReply },
      }),
    },
    async (request) => ({ shares: shares.list(request.params.sid).map(infoOf) }),
  );

  app.delete<OfSession>(
    '/api/sessions/:sid/shares',
    { schema: route({ summary: 'Revoke all links of this session', tag, params: SessionParams }) },
    async (request, reply) => {
      const { sid } = request.params;
      for (const shareId of await shares.revokeAll(sid))
        audit('share_revoked', { ...auditFieldsOf(principalOf(request)), sessionId: sid, shareId });
      return reply.code(204).send();
    },
  );

  app.delete<OfShare>(
    '/api/sessions/:sid/shares/:shareId',
    { schema: route({ summary: 'Revoke a share link and disconnect its guests', tag, params: ShareParams }) },
    async (request, reply) => {
      const { sid, shareId } = request.params;
      if (!(await shares.revoke(sid, shareId))) return refuse(reply, { error: unknownShare(shareId) });
      audit('share_revoked', { ...auditFieldsOf(principalOf(request)), sessionId: sid, shareId });
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

const unknownShare = (shareId: string): ErrorInfo =>
  errorInfo('share_not_found', `This session has no valid link "${shareId}"`);

const infoOf = ({ shareId, mode, createdAt, expiresAt, revokedAt }: ShareRow): ShareInfo => ({
  ...{ shareId, mode, createdAt, expiresAt },
  ...(revokedAt === undefined ? {} : { revokedAt }),
});
