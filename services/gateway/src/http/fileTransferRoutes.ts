import { Readable } from 'node:stream';
import {
  DownloadTicketReply,
  errorInfo,
  ID_PATTERN,
  MAX_UPLOAD_BYTES,
  PathBytes,
  type FilePath,
} from '@pizzapi/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { DOWNLOAD_TICKET_MS, type DownloadTickets } from '../auth/downloadTickets.js';
import { attachmentHeader, fileStream, readRange, type ReadPage } from '../runner/fileDownload.js';
import { passUpload } from '../runner/fileUpload.js';
import { unknownRunner } from '../session/access.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { guestProblem, type RunnerRpcRoutesDeps } from './runnerRpcRoutes.js';
import { route, RunnerParams } from './schemas.js';
import { untilLeft } from './untilLeft.js';

const tag = 'runner requests';
const UploadParams = Type.Object({ ...RunnerParams.properties, uploadId: Type.String({ pattern: ID_PATTERN }) });
const UploadQuery = Type.Object({ offset: Type.Integer({ minimum: 0, maximum: MAX_UPLOAD_BYTES }) });
const DownloadQuery = Type.Object({
  path: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096, pattern: '^[^\\u0000]*$' })),
  /** The bytes of the path instead, as base64. */
  base64: Type.Optional(PathBytes),
  sessionId: Type.Optional(Type.String({ pattern: ID_PATTERN })),
  /** Of `POST …/files/tickets`, where the client can send no header. */
  ticket: Type.Optional(Type.String({ maxLength: 4_096 })),
});
type DownloadQuery = Type.Static<typeof DownloadQuery>;
const TicketBody = Type.Omit(DownloadQuery, ['ticket'], { additionalProperties: false });
type TicketBody = Type.Static<typeof TicketBody>;

/** Files of a host as plain bodies of HTTP: a stream in either direction, of which the gateway holds a few pages. */
export function fileTransferRoutes(
  app: FastifyInstance,
  deps: RunnerRpcRoutesDeps & { tickets: DownloadTickets },
): void {
  const { access, calls, metrics, tickets } = deps;
  const refuse = refuser(metrics);
  /** Reads pages of files for the person of a request, until the person leaves. */
  const reader = (request: FastifyRequest<{ Params: { rid: string } }>, reply: FastifyReply): ReadPage => {
    const principal = principalOf(request);
    const within = principal.share === undefined ? {} : { within: principal.share.sid };
    const options = { ...within, signal: untilLeft(reply) };
    return (page) => calls.call(principal, request.params.rid, 'read_file', page, options);
  };

  app.post<{ Params: { rid: string }; Body: TicketBody }>(
    '/api/runners/:rid/files/tickets',
    {
      config: { guests: true, guestsOfRunner: true },
      schema: route({
        summary: 'Make a ticket with which a browser downloads a file of a host by its address alone',
        tag,
        params: RunnerParams,
        body: TicketBody,
        answers: { 200: DownloadTicketReply },
      }),
      preValidation: async (request, reply) => {
        const error = await guestProblem(request, reply, deps, request.body);
        if (error !== undefined) return refuse(reply, { error });
      },
    },
    async (request, reply) => {
      const { body, params, headers } = request;
      const path = pathIn(body);
      if (path === undefined) return refuse(reply, { error: errorInfo('bad_request', 'Name `path` or `base64`') });
      const { sessionId } = body;
      const session = sessionId === undefined ? {} : { sessionId };
      // A browser shows no error of a download, so that it is found out here.
      const about = await reader(request, reply)({ path, ...session, offset: 0, length: 0 });
      if (about.kind === 'refused') return refuse(reply, about);
      const ticket = await tickets.issue(headers, { rid: params.rid, ...body });
      return { ticket, expiresAt: Date.now() + DOWNLOAD_TICKET_MS };
    },
  );

  app.get<{ Params: { rid: string }; Querystring: DownloadQuery }>(
    '/api/runners/:rid/files',
    {
      // A HEAD would read the whole file for nothing.
      exposeHeadRoute: false,
      config: { guests: true, guestsOfRunner: true, tickets: true },
      schema: route({
        summary: 'Download a file of a host, or a range of it',
        tag,
        params: RunnerParams,
        querystring: DownloadQuery,
      }),
      preValidation: async (request, reply) => {
        const error = await guestProblem(request, reply, deps, request.query);
        if (error !== undefined) return refuse(reply, { error });
      },
    },
    async (request, reply) => {
      const { sessionId } = request.query;
      const path = pathIn(request.query);
      if (path === undefined) return refuse(reply, { error: errorInfo('bad_request', 'Name `path` or `base64`') });
      const read = reader(request, reply);
      const source = { path, ...(sessionId === undefined ? {} : { sessionId }) };
      const about = await read({ ...source, offset: 0, length: 0 });
      if (about.kind === 'refused') return refuse(reply, about);
      const { size, version, path: real } = about.reply;
      const etag = `"${version}"`;
      const isSame = request.headers['if-range'] === undefined || request.headers['if-range'] === etag;
      const range = isSame ? readRange(request.headers.range, size) : 'whole';
      reply
        .header('accept-ranges', 'bytes')
        .header('etag', etag)
        .header('cache-control', 'no-store')
        .header('x-content-type-options', 'nosniff')
        .header('content-security-policy', "sandbox; default-src 'none'");
      if (range === 'unsatisfiable')
        return refuse(reply.header('content-range', `bytes */${size}`), {
          error: errorInfo('range_invalid', `The file has ${size} bytes`),
        });
      const bytes = range === 'whole' ? { from: 0, to: size } : range;
      if (range !== 'whole') reply.code(206).header('content-range', `bytes ${bytes.from}-${bytes.to - 1}/${size}`);
      return reply
        .header('content-type', 'application/octet-stream')
        .header('content-disposition', attachmentHeader(real.slice(real.lastIndexOf('/') + 1)))
        .header('content-length', String(bytes.to - bytes.from))
        .send(fileStream(read, source, bytes, { ...about.reply, content: '' }));
    },
  );

  // A scope of its own: here any body is a stream of bytes.
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, body, done) => done(null, body));
    scope.put<{
      Params: { rid: string; uploadId: string };
      Querystring: Type.Static<typeof UploadQuery>;
      Body: unknown;
    }>(
      '/api/runners/:rid/uploads/:uploadId',
      {
        bodyLimit: MAX_UPLOAD_BYTES,
        schema: route({
          ...{ summary: 'Send bytes of an upload that `upload_begin` has begun, from an offset on', tag },
          ...{ params: UploadParams, querystring: UploadQuery },
          answers: { 200: Type.Object({ received: Type.Integer() }) },
        }),
      },
      async (request, reply) => {
        const { rid, uploadId } = request.params;
        const principal = principalOf(request);
        if (!access.mayUseRunner(principal, rid)) return refuse(reply, { error: unknownRunner(rid) });
        const signal = untilLeft(reply);
        const body = request.body instanceof Readable ? request.body : Readable.from([]);
        const outcome = await passUpload(body, request.query.offset, (offset, content) =>
          calls.call(principal, rid, 'upload_write', { uploadId, offset, content }, { signal }),
        );
        if (outcome.kind === 'received') return { received: outcome.received };
        // The rest of the body is not read: the connection ends with the answer.
        if (!request.raw.complete) reply.header('connection', 'close');
        return refuse(reply, outcome);
      },
    );
  });
}

function pathIn({ path, base64 }: TicketBody): FilePath | undefined {
  if (base64 !== undefined) return path === undefined ? { base64 } : undefined;
  return path;
}
