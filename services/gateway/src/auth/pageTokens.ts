import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { deriveKey, isSameSecret } from '@pizzapi/process';
import { PAGE_TOKEN } from '@pizzapi/protocol';

/**
 * What a page shows beside its cookie. A browser sends a cookie to every port of a host, so that another program of the
 * machine may be sent it; what a page keeps for itself, the browser keeps apart by port. The token is made from the
 * cookie with the gateway's secret: it is stored nowhere, ends with its login, and is no use with another one.
 */
export class PageTokens {
  private readonly key: Buffer;

  constructor(secret: Uint8Array) {
    this.key = deriveKey(secret, 'page');
  }

  of(cookie: string): string {
    return createHmac('sha256', this.key).update(cookie).digest('base64url');
  }

  /** Whether a request shows the token of its cookie: in a header, or as a subprotocol where a page can set none. */
  isShown(headers: IncomingHttpHeaders, cookie: string): boolean {
    const shown = tokenIn(headers);
    return shown !== undefined && isSameSecret(shown, this.of(cookie));
  }
}

function tokenIn(headers: IncomingHttpHeaders): string | undefined {
  const header = headers[PAGE_TOKEN.header];
  if (typeof header === 'string') return header;
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.find((name) => name.startsWith(PAGE_TOKEN.prefix))?.slice(PAGE_TOKEN.prefix.length);
}
