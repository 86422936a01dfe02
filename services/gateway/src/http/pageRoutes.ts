import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import { errorInfo } from '@pizzapi/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { OriginPolicy } from '../auth/originPolicy.js';
import { answerError } from './errors.js';
import { movedPage } from './movedPage.js';

/**
 * What is sent with everything, pages or not. A page loads nothing but what came with it and runs no script or style
 * that stands in its text. Its sockets are named: not every browser takes them for 'self'.
 */
export function securityHeaders(socketOrigins: readonly string[]): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'self'",
    ["connect-src 'self'", ...socketOrigins].join(' '),
    "img-src 'self' data: blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  };
}

/** The page's own file, which is never asked for by its name. */
const PAGE_FILE = '/index.html';
/** Paths that are never a page. */
const NO_PAGE = /^\/(api|ws|nats|install|livez|readyz|metrics|openapi\.json)(\/|$)/;

/**
 * The dashboard. Files with a hash in their name may be kept for ever; the page itself never. Any other path that is no
 * file and none of the API's is the page again, which finds its way by the address. Under another name than the page's
 * own it is a page that leads there.
 */
export async function pageRoutes(
  app: FastifyInstance,
  folder: string | undefined,
  originPolicy: OriginPolicy,
  pagePath = '',
): Promise<void> {
  const page = folder === undefined ? undefined : join(folder, 'index.html');
  const there = folder !== undefined && page !== undefined && existsSync(page);
  if (there) {
    await app.register(fastifyStatic, {
      root: folder,
      index: false,
      wildcard: false,
      cacheControl: false,
      globIgnore: [PAGE_FILE.slice(1)],
      setHeaders: (reply, path) => {
        const hashed = path.includes('/assets/') || path.includes('/immutable/');
        reply.setHeader('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-store');
      },
    });
  }
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!;
    const isFile = /\.[a-z0-9]{1,8}$/i.test(path) && path !== PAGE_FILE;
    const wantsPage = ['GET', 'HEAD'].includes(request.method) && !NO_PAGE.test(path) && !isFile;
    if (!there || !wantsPage) return answerError(reply, errorInfo('not_found', `No page at ${path.slice(0, 100)}`));
    void reply.header('cache-control', 'no-store').type('text/html; charset=utf-8');
    if (!originPolicy.isOfPage(request.headers)) return sendMoved(request, reply, originPolicy);
    return reply.send(pageAt(readFileSync(page, 'utf8'), pagePath));
  });
}

/**
 * The page as it works at a path: its build names its files from its own folder, but the browser may be at any of its
 * addresses. The page reads its path from its text.
 */
function pageAt(html: string, pagePath: string): string {
  return html
    .replaceAll('="./', `="${pagePath}/`)
    .replace('<meta name="page-path" content="" />', `<meta name="page-path" content="${pagePath}" />`);
}

function sendMoved({ socket }: FastifyRequest, reply: FastifyReply, { pageUrl }: OriginPolicy): FastifyReply {
  const { html, policy } = movedPage(pageUrl, socket.localPort ?? 0);
  return reply.header('content-security-policy', policy).send(html);
}
