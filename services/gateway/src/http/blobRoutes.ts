import { getBlob, putBlob, type Backbone } from '@pizzapi/backbone';
import { BlobRef, errorInfo } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import { isMediaType, MAX_ATTACHMENT_BYTES } from '../session/attachments.js';
import type { Reader } from '../session/reader.js';
import { answerError } from './errors.js';
import { BlobParams, route, SessionParams } from './schemas.js';

/** Images that cannot carry a script: shown where they are. Anything else is offered as a file. */
const RASTER = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp']);

const tag = 'blobs';

export function blobRoutes(app: FastifyInstance, { b, reader }: { b: Backbone; reader: Reader }): void {
  app.get<{ Params: { sid: string; hash: string } }>(
    '/api/sessions/:sid/blobs/:hash',
    { schema: route({ summary: 'What was too large for the log', tag, params: BlobParams }) },
    async (request, reply) => {
      const { sid, hash } = request.params;
      if (!(await reader.exists(sid))) return answerError(reply, errorInfo('session_not_found'));
      const blob = await getBlob(b, hash);
      if (blob === undefined) return answerError(reply, errorInfo('blob_not_found'));
      const raster = RASTER.has(blob.mediaType);
      return reply
        .header('content-type', isMediaType(blob.mediaType) ? blob.mediaType : 'application/octet-stream')
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
        if (!(await reader.exists(request.params.sid))) return answerError(reply, errorInfo('session_not_found'));
        return reply.code(201).send(await putBlob(b, request.body, mediaType));
      },
    );
  });
}
