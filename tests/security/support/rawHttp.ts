import { connect, type Socket } from 'node:net';

/** A TCP connection, and all that came back on it. */
export interface RawConnection {
  readonly socket: Socket;
  readonly text: string;
  readonly isClosed: boolean;
  /** What came back, once the other side has closed. */
  readonly closed: Promise<string>;
  write(text: string | Buffer): void;
}

/** Connects to a server as it stands in its address: no client of ours is in between. */
export function dial(url: string): RawConnection {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
  let text = '';
  let isClosed = false;
  socket.on('data', (data: Buffer) => (text += data.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) =>
    socket.once('close', () => {
      isClosed = true;
      resolve(text);
    }),
  );
  return {
    socket,
    closed,
    get text() {
      return text;
    },
    get isClosed() {
      return isClosed;
    },
    write: (bytes) => void (socket.writable && socket.write(bytes)),
  };
}

/** Writes a text byte by byte, one each `everyMs`, until the other side closes. */
export function drip(connection: RawConnection, text: string, everyMs: number): void {
  let at = 0;
  const timer = setInterval(() => connection.write(text.charAt(at++ % text.length)), everyMs);
  void connection.closed.then(() => clearInterval(timer));
}

/** Status and error code of an answer as it came over the wire. */
export function statusOf(text: string): string {
  const status = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 'none';
  const code = /"code":"(\w+)"/.exec(text)?.[1];
  return code === undefined ? status : `${status} ${code}`;
}
