import { storageFull, type BlobStore } from '@pizzapi/backbone';
import { blobPath, errorInfo, UploadReply } from '@pizzapi/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { unknownSession, type Access } from '../session/access.js';
import { isMediaType, MAX_ATTACHMENT_BYTES } from '../session/attachments.js';
import type { GatewayMetrics } from '../metrics.js';
import type { ActionRates } from '../session/actionRates.js';
import type { Storage } from '../session/storage.js';
import { answerError } from './errors.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { BlobParams, route, SessionParams } from './schemas.js';

/** Images that cannot carry a script: shown where they are. Anything else is offered as a file. */
const RASTER = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp']);

const tag = 'blobs';

export interface BlobDeps {
  access: Access;
  blobs: BlobStore;
  storage: Storage;
  rates: ActionRates;
  metrics: GatewayMetrics;
  /** The address people open, without a slash at its end. */
  publicUrl: () => string;
}

type OfSession = { Params: { sid: string } };

/** No file of an agent's is ever a page, a script or a style of ours. */
function plainType(mediaType: string): string {
  return /^text\/|[/+](json|xml)$/.test(mediaType) ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}

/** Blobs belong to sessions: in each there are those that its host, its owner and its guests have brought to it. */
export function blobRoutes(app: FastifyInstance, deps: BlobDeps): void {
  const { access, blobs, storage, rates, metrics, publicUrl } = deps;
  const refuse = refuser(metrics);

  /** Before the body is read: whoever sends too many, or has no room, need not send it. */
  async function admitUpload(request: FastifyRequest<OfSession>, reply: FastifyReply): Promise<FastifyReply | void> {
    const { sid } = request.params;
    const owner = access.ownerOf(sid);
    if (owner === undefined) return answerError(reply, unknownSession(sid));
    const principal = principalOf(request);
    const tooFast = await rates.take('upload', principal, owner);
    if (tooFast !== undefined) return refuse(reply, tooFast);
    // What is too large for any session is refused as that, by its body.
    const size = Math.min(Number(request.headers['content-length'] ?? 0) || 0, MAX_ATTACHMENT_BYTES);
    const shortage = await storage.shortage({ userId: owner, sid }, size);
    if (shortage !== undefined) return refuse(reply, { error: storageFull(shortage, principal.share !== undefined) });
  }

  app.get<{ Params: { sid: string; hash: string } }>(
    '/api/sessions/:sid/blobs/:hash',
    {
      config: { guests: true },
      schema: route({ summary: 'A blob: content that was too large for the log', tag, params: BlobParams }),
    },
    async (request, reply) => {
      const { sid, hash } = request.params;
      const owner = access.ownerOf(sid);
      const blob = owner === undefined ? undefined : await blobs.get({ userId: owner, sid }, hash);
      if (blob === undefined) return answerError(reply, errorInfo('blob_not_found'));
      const raster = RASTER.has(blob.mediaType);
      return (
        reply
          .header('content-type', raster ? blob.mediaType : plainType(blob.mediaType))
          .header('content-security-policy', "sandbox; default-src 'none'")
          .header('content-disposition', raster ? 'inline' : `attachment; filename="${hash.slice(0, 12)}"`)
          // A browser that somebody has signed out of keeps nothing of them; the page keeps what it shows in memory.
          .header('cache-control', 'no-store')
          .send(Buffer.from(blob.bytes))
      );
    },
  );

  // A scope of its own: here, and only here, any body is bytes.
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.post<OfSession & { Body: Buffer | undefined }>(
      '/api/sessions/:sid/blobs',
      {
        config: { guests: true, acts: true },
        bodyLimit: MAX_ATTACHMENT_BYTES,
        onRequest: admitUpload,
        schema: route({
          summary: 'Upload a file to attach to an input',
          tag,
          params: SessionParams,
          answers: { 201: UploadReply },
        }),
      },
      async (request, reply) => {
        const mediaType = request.headers['content-type'] ?? '';
        if (!isMediaType(mediaType))
          return answerError(
            reply,
            errorInfo('bad_request', 'Set Content-Type to the media type of the file, such as image/png'),
          );
        if (request.body === undefined || request.body.length === 0)
          return answerError(reply, errorInfo('bad_request', 'The body is empty'));
        const { sid } = request.params;
        const userId = access.ownerOf(sid);
        if (userId === undefined) return answerError(reply, unknownSession(sid));
        const { share, credential } = principalOf(request);
        const link = share && credential.id;
        const stored = await blobs.put({ userId, sid }, request.body, mediaType, { link, keep: false });
        if (stored.kind === 'stored') {
          const { blob } = stored.ref;
          return reply.code(201).send({ ...stored.ref, attachmentId: blob, url: publicUrl() + blobPath(sid, blob) });
        }
        return refuse(reply, { error: storageFull(stored.shortage, share !== undefined) });
      },
    );
  });
}
