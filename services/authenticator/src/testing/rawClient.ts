import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocket } from 'ws';
import { openNkey } from '@pizzapi/backbone';

/** What a raw connection says of itself: a password, or an nkey. */
export type RawLogin = { user: string; pass: string } | { nkey: string };

export interface RawClient {
  /** Sends lines of the protocol and waits until the server has handled them; its first error, or `ok`. */
  say(lines: string): Promise<string>;
  /** Everything the server has sent. */
  heard(): string;
  /** Resolves with what was heard once it matches, or the connection is over. */
  until(pattern: RegExp): Promise<string>;
  close(): void;
}

/** A port of this machine, or the address of WebSockets, with the address of the client that a gateway reports. */
export type RawAddress = number | { url: string; from?: string };

function dial(where: RawAddress): Duplex {
  if (typeof where === 'number') return connect(where, '127.0.0.1');
  const headers = where.from === undefined ? {} : { 'x-forwarded-for': where.from };
  return createWebSocketStream(new WebSocket(where.url, { headers }));
}

/** A connection that speaks NATS' protocol line by line, so that no library's manners stand between test and server. */
export async function talk(where: RawAddress, login: RawLogin): Promise<RawClient> {
  const socket = dial(where);
  let heard = '';
  let changed: () => void = () => undefined;
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
    changed();
  });
  let isOver = false;
  const over = (): void => {
    isOver = true;
    changed();
  };
  // A stream of a WebSocket ends and does not close.
  socket.on('error', over).on('end', over).on('close', over);
  const until = async (pattern: RegExp, from = 0): Promise<string> => {
    while (!pattern.test(heard.slice(from)) && !isOver) await new Promise<void>((resolve) => (changed = resolve));
    return heard;
  };
  await until(/^INFO .*\r\n/);
  const { nonce = '' } = JSON.parse(/^INFO (.*)\r\n/.exec(heard)?.[1] ?? '{}') as { nonce?: string };
  const options = { verbose: false, pedantic: false, headers: true, no_responders: true };
  const auth =
    'nkey' in login
      ? { nkey: openNkey(login.nkey).publicKey, sig: openNkey(login.nkey).sign(nonce).toString('base64url') }
      : login;
  socket.write(`CONNECT ${JSON.stringify({ ...options, ...auth })}\r\n`);
  return {
    async say(lines) {
      const from = heard.length;
      socket.write(lines === '' ? 'PING\r\n' : `${lines}\r\nPING\r\n`, 'latin1');
      await until(/PONG\r\n/, from);
      return /-ERR '[^']*'/.exec(heard.slice(from))?.[0] ?? (isOver ? 'closed' : 'ok');
    },
    heard: () => heard,
    until,
    close: () => void socket.destroy(),
  };
}

/** What the server says to some lines on a connection of their own. */
export async function say(where: RawAddress, login: RawLogin, lines: string): Promise<string> {
  const client = await talk(where, login);
  try {
    return await client.say(lines);
  } finally {
    client.close();
  }
}
