import { findFreePort } from '@pizzapi/nats-server';
import type { Certificate } from '@pizzapi/process/testing';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, request, type IncomingMessage, type RequestOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { until } from './until.js';

/** A proxy with TLS in front of a gateway. */
export interface TlsProxy {
  port: number;
  /** Paths of the WebSockets that were opened. */
  upgrades: string[];
  /** WebSockets that were cut because neither side had sent anything for the time. */
  idleCuts: number;
  /** From now on the WebSockets that are open carry nothing, and stay open. New ones work. */
  silence(): void;
  /** Cuts the WebSockets that are open. New ones work. */
  cut(): void;
  close(): Promise<void>;
}

interface TlsProxyOptions extends Certificate {
  /** Port of the gateway. */
  target: number;
  /** The host name under which the gateway is asked. */
  host: string;
  port?: number;
  /** A WebSocket that carries nothing for so long is cut, in ms. */
  idleMs: number;
}

/** Starts a proxy as people put it in front of a gateway: TLS ends in it, it sends the requests on, and cuts what is idle. */
export async function startTlsProxy({ cert, key, target, host, port = 0, idleMs }: TlsProxyOptions): Promise<TlsProxy> {
  const open = new Set<Duplex>();
  const optionsOf = ({ method, url, headers, socket }: IncomingMessage): RequestOptions => ({
    ...{ host: '127.0.0.1', port: target, method, path: url, agent: false },
    headers: { ...headers, host, 'x-forwarded-for': socket.remoteAddress ?? '' },
  });
  const server = createHttpsServer({ cert, key }, (asked, reply) => {
    const ask = request(optionsOf(asked), (answer) => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(reply);
    });
    ask.on('error', () => reply.destroy());
    asked.pipe(ask);
  });
  const proxy: TlsProxy = {
    port: 0,
    upgrades: [],
    idleCuts: 0,
    silence: () => open.forEach((socket) => socket.unpipe().resume()),
    cut: () => open.forEach((socket) => socket.destroy()),
    close: () => {
      proxy.cut();
      return closed(server);
    },
  };
  server.on('upgrade', (asked: IncomingMessage, near: Socket) => {
    const ask = request(optionsOf(asked));
    ask.on('error', () => near.destroy());
    ask.on('response', (answer) => {
      near.write(`HTTP/1.1 ${answer.statusCode ?? 502} No\r\nConnection: close\r\n\r\n`);
      answer.pipe(near);
    });
    ask.on('upgrade', (answer: IncomingMessage, far: Socket, head: Buffer) => {
      proxy.upgrades.push(asked.url ?? '');
      const lines = answer.rawHeaders.flatMap((name, at, all) => (at % 2 === 0 ? [`${name}: ${all[at + 1]}`] : []));
      near.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
      near.write(head);
      passBetween(near, far, open);
      near.setTimeout(idleMs, () => {
        proxy.idleCuts++;
        near.destroy();
      });
    });
    ask.end();
  });
  proxy.port = await listening(server, port);
  return proxy;
}

export interface ConnectProxy {
  port: number;
  /** What was asked for with CONNECT: `relay.example:443`. */
  asked: string[];
  close(): Promise<void>;
}

/** Starts an HTTP proxy that knows the host names of `ports` alone, all on this machine. */
export async function startConnectProxy(ports: Readonly<Record<string, number>>): Promise<ConnectProxy> {
  const open = new Set<Duplex>();
  const server = createHttpServer((_asked, reply) => reply.writeHead(403).end());
  const proxy: ConnectProxy = {
    port: 0,
    asked: [],
    close: () => {
      open.forEach((socket) => socket.destroy());
      return closed(server);
    },
  };
  server.on('connect', ({ url = '' }: IncomingMessage, near: Socket) => {
    proxy.asked.push(url);
    const port = ports[url];
    if (port === undefined) return void near.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    const far = connect(port, '127.0.0.1', () => {
      near.write('HTTP/1.1 200 OK\r\n\r\n');
      passBetween(near, far, open);
    });
    far.on('error', () => near.destroy());
  });
  proxy.port = await listening(server, 0);
  return proxy;
}

/** The nginx of this machine, if there is one. */
export function findNginx(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, 'nginx')).find((path) => existsSync(path));
}

/** Starts nginx as a guide for operators shows it. */
export async function startNginx(
  binary: string,
  { cert, key, target, host }: Omit<TlsProxyOptions, 'idleMs'>,
): Promise<Pick<TlsProxy, 'port' | 'close'>> {
  const folder = mkdtempSync(join(tmpdir(), 'pizzapi-nginx-'));
  const port = await findFreePort();
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'key.pem'), key);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => {
    mkdirSync(join(folder, name));
    return `  ${name}_temp_path ${join(folder, name)};`;
  });
  const config = `
daemon off;
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
${temporary.join('\n')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${join(folder, 'cert.pem')};
    ssl_certificate_key ${join(folder, 'key.pem')};
    location / {
      proxy_pass http://127.0.0.1:${target};
      proxy_http_version 1.1;
      proxy_set_header Host ${host};
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_read_timeout 60s;
    }
  }
}
`;
  writeFileSync(join(folder, 'nginx.conf'), config);
  const child = spawn(binary, ['-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  const gone = new Promise((resolve) => child.once('exit', resolve));
  await until(`nginx listens: ${output}`, () => accepts(port));
  return {
    port,
    close: async () => {
      child.kill('SIGTERM');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function passBetween(near: Duplex, far: Duplex, open: Set<Duplex>): void {
  for (const [socket, other] of [
    [near, far],
    [far, near],
  ] as const) {
    open.add(socket);
    socket.on('error', () => other.destroy());
    socket.on('close', () => {
      open.delete(socket);
      other.destroy();
    });
    socket.pipe(other);
  }
}

function listening(server: Server, port: number): Promise<number> {
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function closed(server: Server & { closeAllConnections?: () => void }): Promise<void> {
  server.closeAllConnections?.();
  return new Promise((resolve) => server.close(() => resolve()));
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
