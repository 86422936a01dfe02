import { verifyNkey, type Nkey } from '@pizzapi/backbone';
import { isMap, mapAt, numberAt, stringAt } from '@pizzapi/protocol';
import { createHash } from 'node:crypto';
import { ACCOUNTS } from './accounts.js';
import type { Permissions } from './roles.js';

/**
 * The tokens that nats-server and an auth callout exchange (ADR-26, nats-io/jwt v2): JWTs with an algorithm of NATS'
 * own. Only what is needed, by node:crypto: the library takes 130 ms a connection, this less than one.
 */
const HEADER = encode({ typ: 'JWT', alg: 'ed25519-nkey' });
const VERSION = 2;
/** No limit, in the server's words. */
const NO_LIMIT = -1;
/** How long, and how often, a host may answer one question. */
const ANSWER = { max: 1, ttl: 60 * 1e9 };

/** Who wants to connect. */
export interface AuthRequest {
  /** The server that asks, as the audience of the answer. */
  serverId: string;
  /** A key of this one attempt: the answer is for it. */
  userNkey: string;
  user: string;
  password: string;
  /** The address it comes from: of the gateway, where that passes the connection on. */
  host: string;
  /** Then `host` is the same for all such connections. */
  overWebSocket: boolean;
}

/** Reads the question of a nats-server. Undefined when it is none, was not signed by who it says, or is out of date. */
export function readAuthRequest(token: string, now: number): AuthRequest | undefined {
  const [header, payload, signature, ...rest] = token.split('.');
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) return undefined;
  const claims = decode(payload);
  if (decode(header)?.['alg'] !== 'ed25519-nkey' || claims === undefined) return undefined;
  const issuer = stringAt(claims, 'iss') ?? '';
  const nats = mapAt(claims, 'nats') ?? {};
  const serverId = stringAt(mapAt(nats, 'server_id') ?? {}, 'id');
  const userNkey = stringAt(nats, 'user_nkey');
  const options = mapAt(nats, 'connect_opts') ?? {};
  const client = mapAt(nats, 'client_info') ?? {};
  if (stringAt(nats, 'type') !== 'authorization_request' || serverId !== issuer || userNkey === undefined)
    return undefined;
  if (stringAt(claims, 'aud') !== 'nats-authorization-request' || (numberAt(claims, 'exp') ?? 0) * 1_000 < now - 5_000)
    return undefined;
  if (!verifyNkey('server', issuer, `${header}.${payload}`, Buffer.from(signature, 'base64url'))) return undefined;
  return {
    serverId,
    userNkey,
    user: stringAt(options, 'user') ?? '',
    password: stringAt(options, 'pass') ?? '',
    host: stringAt(client, 'host') ?? '',
    overWebSocket: stringAt(client, 'type') === 'websocket',
  };
}

/** What a host is let in with. */
export interface Admittance {
  /** How the server shows the connection; see `connectionName`. */
  name: string;
  permissions: Permissions;
  /** When the server ends the connection, in ms since epoch. */
  expiresAt?: number | undefined;
}

const HOST_CONNECTIONS = ['STANDARD', 'WEBSOCKET'];

/** The answer that lets a host in. */
export function admitted(issuer: Nkey, request: AuthRequest, admittance: Admittance, now: number): string {
  const { name, permissions, expiresAt } = admittance;
  const jwt = sign(issuer, now, {
    sub: request.userNkey,
    // The account that the connection belongs to.
    aud: ACCOUNTS.hosts,
    name,
    ...(expiresAt === undefined ? {} : { exp: Math.ceil(expiresAt / 1_000) }),
    nats: {
      type: 'user',
      version: VERSION,
      pub: { allow: permissions.publish },
      sub: { allow: permissions.subscribe },
      ...(permissions.answers === true ? { resp: ANSWER } : {}),
      // Not as another server of a cluster, whose connections WebSockets carry too.
      allowed_connection_types: HOST_CONNECTIONS,
      subs: NO_LIMIT,
      data: NO_LIMIT,
      payload: NO_LIMIT,
    },
  });
  return respond(issuer, request, now, { jwt });
}

/** The answer that refuses. The server logs the reason and tells the client only that it was refused. */
export function refused(issuer: Nkey, request: AuthRequest, reason: string, now: number): string {
  return respond(issuer, request, now, { error: reason });
}

function respond(
  issuer: Nkey,
  request: AuthRequest,
  now: number,
  outcome: { jwt: string } | { error: string },
): string {
  const nats = { type: 'authorization_response', version: VERSION, ...outcome };
  return sign(issuer, now, { sub: request.userNkey, aud: request.serverId, nats });
}

function sign(issuer: Nkey, now: number, claims: object): string {
  const body = { ...claims, iss: issuer.publicKey, iat: Math.floor(now / 1_000) };
  const jti = createHash('sha256').update(JSON.stringify(body)).digest('base64url');
  const text = `${HEADER}.${encode({ ...body, jti })}`;
  return `${text}.${issuer.sign(text).toString('base64url')}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return isMap(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
