import { request as requestHttp, type IncomingHttpHeaders } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Socket } from 'node:net';
import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';
import { trustOf } from '@pizzapi/process/outbound';

/** How long nats-server may take to accept a WebSocket, in ms. */
const UPGRADE_MS = 4_000;
const KEY = /^[A-Za-z0-9+/]{22}==$/;
const ACCEPT = /^[A-Za-z0-9+/]{27}=$/;

/** Why a request cannot be passed on to nats-server. */
export function upgradeProblem(headers: IncomingHttpHeaders): ErrorInfo | undefined {
  // Only browsers send it, and no page speaks NATS: a foreign one could use what this machine may reach.
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined)
    return errorInfo('forbidden_origin', 'Pages cannot connect to nats-server');
  const isUpgrade = headers.upgrade?.toLowerCase() === 'websocket' && headers['sec-websocket-version'] === '13';
  if (isUpgrade && KEY.test(headers['sec-websocket-key'] ?? '')) return undefined;
  return errorInfo('bad_request', 'This address accepts only WebSockets of version 13');
}

export interface Upgraded {
  far: Socket;
  /** What nats-server has sent right after its answer. */
  head: Buffer;
  /** `Sec-WebSocket-Accept` for the client. */
  accept: string;
}

/**
 * Opens a WebSocket at nats-server for a client. Nothing of the client's request is sent but the key: no cookie or token that a
 * nats-server could take for a login, and no path, since some of its paths accept servers instead of clients. `ip` is reported
 * as the address of the client. Undefined when nats-server does not accept.
 */
export function openUpgrade(target: URL, key: string, ip: string): Promise<Upgraded | undefined> {
  const isSecure = target.protocol === 'wss:';
  const secureContext = isSecure ? trustOf()?.secureContext : undefined;
  const options = {
    host: target.hostname.replace(/^\[|\]$/g, ''),
    port: target.port || (isSecure ? 443 : 80),
    path: target.pathname,
    agent: false,
    headers: {
      host: target.host,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': key,
      'x-forwarded-for': ip,
    },
    ...(secureContext === undefined ? {} : { secureContext }),
  };
  return new Promise((resolve) => {
    const ask = isSecure ? requestHttps(options) : requestHttp(options);
    const timer = setTimeout(() => ask.destroy(), UPGRADE_MS);
    const settle = (upgraded: Upgraded | undefined): void => {
      clearTimeout(timer);
      resolve(upgraded);
    };
    ask.on('upgrade', (answer, far: Socket, head: Buffer) => {
      const accept = answer.headers['sec-websocket-accept'] ?? '';
      far.on('error', () => far.destroy());
      if (ACCEPT.test(accept)) return settle({ far, head, accept });
      far.destroy();
      settle(undefined);
    });
    ask.on('response', (answer) => {
      answer.destroy();
      settle(undefined);
    });
    ask.on('error', () => settle(undefined));
    ask.on('close', () => settle(undefined));
    ask.end();
  });
}
