import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { ERRORS, type ErrorInfo } from '@pizzapi/protocol';

/** Answers an upgrade with an error instead of a WebSocket, in the shape of the HTTP API. */
export function refuseUpgrade(socket: Duplex, error: ErrorInfo): void {
  const { status } = ERRORS[error.code];
  const body = JSON.stringify({ error });
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Connection: close',
      'Content-Type: application/json; charset=utf-8',
      'Cache-Control: no-store',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  );
}
