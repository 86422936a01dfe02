import { getBlob, type Backbone } from '@pizzapi/backbone';
import { BlobRef, errorInfo } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import { unknownSession, type Access } from '../session/access.js';
import { isMediaType, MAX_ATTACHMENT_BYTES } from '../session/attachments.js';
import type { BlobOwners } from '../session/blobOwners.js';
import { answerError } from './errors.js';
import { BlobParams, route, SessionParams } from './schemas.js';

/** Images that cannot carry a script: shown where they are. Anything else is offered as a file. */
const RASTER = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp']);

const tag = 'blobs';

export interface BlobDeps {
  b: Backbone;
  access: Access;
  blobs: BlobOwners;
}

/** No file of an agent's is ever a page, a script or a style of ours. */
function plainType(mediaType: string): string {
  return /^text\/|[/+](json|xml)$/.test(mediaType) ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}

/** Blobs belong to accounts: in a session there are those of its owner, and those brought to it become theirs. */
export function blobRoutes(app: FastifyInstance, { b, access, blobs }: BlobDeps): void {
  app.get<{ Params: { sid: string; hash: string } }>(
    '/api/sessions/:sid/blobs/:hash',
    {
      config: { guests: true },
      schema: route({ summary: 'What was too large for the log', tag, params: BlobParams }),
    },
    async (request, reply) => {
      const { sid, hash } = request.params;
      const owner = access.ownerOf(sid);
      const blob = owner !== undefined && (await blobs.has(owner, hash)) ? await getBlob(b, hash) : undefined;
      if (blob === undefined) return answerError(reply, errorInfo('blob_not_found'));
      const raster = RASTER.has(blob.mediaType);
      return reply
        .header('content-type', raster ? blob.mediaType : plainType(blob.mediaType))
        .header('content-security-policy', "sandbox; default-src 'none'")
        .header('content-disposition', raster ? 'inline' : `attachment; filename="${hash.slice(0, 12)}"`)
        .header('cache-control', 'private, max-age=31536000, immutable')
        .send(Buffer.from(blob.bytes));
    },
  );

  // A scope of its own: here, and only here, any body is bytes.
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.post<{ Params: { sid: string }; Body: Buffer | undefined }>(
      '/api/sessions/:sid/blobs',
      {
        config: { guests: true, acts: true },
        bodyLimit: MAX_ATTACHMENT_BYTES,
        schema: route({
          summary: 'Keep a file, to attach it to an input',
          tag,
          params: SessionParams,
          answers: { 201: BlobRef },
        }),
      },
      async (request, reply) => {
        const mediaType = request.headers['content-type'] ?? '';
        if (!isMediaType(mediaType))
          return answerError(reply, errorInfo('bad_request', 'Content-Type says what the file is, such as image/png'));
        if (request.body === undefined || request.body.length === 0)
          return answerError(reply, errorInfo('bad_request', 'The body is empty'));
        const { sid } = request.params;
        const owner = access.ownerOf(sid);
        if (owner === undefined) return answerError(reply, unknownSession(sid));
        return reply.code(201).send(await blobs.put(owner, request.body, mediaType));
      },
    );
  });
}
