import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { errorInfo, ERRORS, type ErrorInfo } from '@pizzapi/protocol';

/** When somebody who was sent away for there being too many may come back, in seconds. */
export const RETRY_AFTER_S = 5;
/** How long a client may take to read that it is sent away, in ms. */
const READ_MS = 1_000;

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  429: 'Too Many Requests',
};

function headersOf(error: ErrorInfo, body: string): Record<string, string> {
  const retry: Record<string, string> =
    ERRORS[error.code].status === 429 ? { 'retry-after': String(RETRY_AFTER_S) } : {};
  return {
    ...{ 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) },
    ...{ 'cache-control': 'no-store', connection: 'close', ...retry },
  };
}

/** Answers on a connection on which there is no request yet, in our shape, and hangs up. */
export function refuseSocket(socket: Socket, error: ErrorInfo): void {
  if (!socket.writable) return void socket.destroy();
  const { status } = ERRORS[error.code];
  const body = JSON.stringify({ error });
  const head = Object.entries(headersOf(error, body)).map(([name, value]) => `${name}: ${value}`);
  socket.on('error', () => undefined);
  socket.end(`HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}\r\n${head.join('\r\n')}\r\n\r\n${body}`);
  // The other side may never close its half.
  setTimeout(() => socket.destroy(), READ_MS).unref();
}

/** Answers a request in our shape, and hangs up. */
export function refuseRequest(response: ServerResponse, error: ErrorInfo): void {
  const body = JSON.stringify({ error });
  response.writeHead(ERRORS[error.code].status, headersOf(error, body)).end(body);
}

/** What node's HTTP server could not read, or not in time: answered in our shape. For its event `clientError`. */
export function answerClientError(error: { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  refuseSocket(
    socket,
    isLate
      ? errorInfo('request_timeout', 'The request header was not received in time')
      : errorInfo('bad_request', 'The request is not HTTP'),
  );
}
