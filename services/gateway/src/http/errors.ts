import {
  CodedError,
  describeError,
  errorInfo,
  ERRORS,
  parseTraceContext,
  toErrorInfo,
  type ErrorCode,
  type ErrorInfo,
} from '@pizzapi/protocol';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '@pizzapi/process';
import { pathOf, type DenialAuditor } from '../audit/denialAuditor.js';
import type { GatewayMetrics } from '../metrics.js';

declare module 'fastify' {
  interface FastifyReply {
    /** The error this answer tells, if it tells one. */
    errorCode: ErrorCode | null;
  }
}

/** Refusals, in contrast to mistakes: such an answer leaves a row in the audit log. */
const REFUSED: ReadonlySet<number> = new Set([401, 403, 421, 429]);

/** Answers to a sign-in that have a row of the kind `login_failed`, besides those with the code of that name. */
const FAILED_SIGN_INS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'issuer_failed',
  'issuer_refused',
  'account_disabled',
]);

/** Answers with an error: its status is the table's. */
export function answerError(reply: FastifyReply, error: ErrorInfo): FastifyReply {
  reply.errorCode = error.code;
  return reply.code(ERRORS[error.code].status).header('cache-control', 'no-store').send({ error });
}

/** What a request of the wrong shape is called, by the part that is wrong. */
const BY_PART: Readonly<Record<string, ErrorCode>> = {
  params: 'invalid_id',
  body: 'bad_request',
  headers: 'bad_request',
};

export interface ErrorDeps {
  metrics: GatewayMetrics;
  denials: DenialAuditor;
  log: Logger;
  /** Logs every answer, not only failures of ours. */
  logsAnswers: boolean;
}

/**
 * Every error that leaves over HTTP, in answer to an upgrade too, has a code of ours and our shape, whatever raised it.
 * To be registered before any route.
 */
export function registerErrors(app: FastifyInstance, { metrics, denials, log, logsAnswers }: ErrorDeps): void {
  app.decorateReply('errorCode', null);
  app.addHook('onResponse', async (request, { errorCode: code, statusCode, elapsedTime }) => {
    if (!request.ws) metrics.requested(statusCode, elapsedTime / 1_000);
    if (logsAnswers) {
      const facts = { method: request.method, status: statusCode, ms: Math.round(elapsedTime), ip: request.ip };
      log.info({ ...idsOf(request), ...facts, ...(code === null ? {} : { code }) }, 'answered');
    }
    const { signsIn = false, beginsSignIn = false } = request.routeOptions.config;
    if (signsIn && !beginsSignIn) metrics.signIn(code ?? 'ok');
    if (code === null || !REFUSED.has(ERRORS[code].status)) return;
    // A failed login has a row of its own kind.
    if (code === 'login_failed' || (signsIn && FAILED_SIGN_INS.has(code))) return;
    const { ip, method, url, principal } = request;
    denials.record({
      ...{ code, ip, method, path: pathOf(url) },
      ...(principal === null ? {} : { userId: principal.userId }),
    });
  });
  app.setErrorHandler((thrown: FastifyError, request, reply) => {
    const error = errorOf(thrown, request);
    metrics.error(error.code);
    if (error.code === 'internal') log.error({ err: thrown, ...idsOf(request) }, 'request failed');
    return answerError(reply, error);
  });
}

/** What tells a request from others, as far as it is known. The query may have a secret. */
function idsOf({ id, url, principal, params, headers }: FastifyRequest): object {
  const { sid, rid } = (params ?? {}) as { sid?: string; rid?: string };
  const traceId = parseTraceContext(headers['traceparent'])?.traceId;
  return {
    ...{ requestId: id, path: pathOf(url) },
    ...(principal === null ? {} : { userId: principal.userId }),
    ...(sid === undefined ? {} : { sid }),
    ...(rid === undefined ? {} : { runnerId: rid }),
    ...(traceId === undefined ? {} : { traceId }),
  };
}

function errorOf(thrown: FastifyError | CodedError, request: FastifyRequest): ErrorInfo {
  if (thrown instanceof CodedError) return toErrorInfo(thrown);
  const { validationContext: part, code, statusCode = 500, message } = thrown;
  if (part !== undefined) return errorInfo(codeOfPart(part, message), message);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return errorInfo('body_too_large');
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return errorInfo('unsupported_media_type', `Got "${request.headers['content-type'] ?? ''}"`);
  if (statusCode === 404) return errorInfo('not_found');
  if (statusCode >= 400 && statusCode < 500)
    return { code: 'bad_request', message: describeError('bad_request', message) };
  return errorInfo('internal');
}

/** An offset of the wrong kind has a name of its own. */
function codeOfPart(part: string, message: string): ErrorCode {
  if (part === 'querystring') return /\/(after|before)\b/.test(message) ? 'invalid_offset' : 'bad_request';
  return BY_PART[part] ?? 'bad_request';
}
