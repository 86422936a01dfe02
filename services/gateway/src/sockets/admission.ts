import { BEARER_PREFIX, errorInfo, PAGE_TOKEN, SHARE_TOKEN, SUBPROTOCOL, type ErrorInfo } from '@pizzapi/protocol';
import type { FastifyRequest } from 'fastify';
import type { OriginPolicy } from '../auth/originPolicy.js';
import { authorizationProblem, loadSession } from '../http/authorization.js';
import type { Access } from '../session/access.js';
import type { SessionLoader } from '../session/sessionLoader.js';

export interface SocketAdmissionDeps {
  originPolicy: OriginPolicy;
  access: Access;
  loader: SessionLoader;
  isDraining: () => boolean;
}

/** The subprotocol to answer with; false = none was asked for, which means msgpack; undefined = none that we speak. */
export function protocolOf(offered: string | undefined): string | false | undefined {
  const names = (offered ?? '').split(',').map((name) => name.trim());
  const isCredential = (name: string) =>
    [BEARER_PREFIX, PAGE_TOKEN.prefix, SHARE_TOKEN.prefix].some((prefix) => name.startsWith(prefix));
  const ours = names.filter((name) => name !== '' && !isCredential(name));
  if (ours.length === 0) return false;
  return ours.find((name) => name === SUBPROTOCOL.msgpack || name === SUBPROTOCOL.json);
}

/**
 * Why an upgrade is refused, or undefined. The session that it names is held as long as its connection. The guard has judged
 * Host and credentials before, as of any request; what is asked here holds for sockets alone.
 */
export async function socketProblem(
  request: FastifyRequest,
  deps: SocketAdmissionDeps,
): Promise<ErrorInfo | undefined> {
  const { headers } = request;
  if (deps.isDraining()) return errorInfo('draining');
  const foreign = deps.originPolicy.originProblem(headers);
  if (foreign !== undefined) return foreign;
  if (protocolOf(headers['sec-websocket-protocol']) === undefined)
    return errorInfo('bad_request', `Subprotocols are ${Object.values(SUBPROTOCOL).join(' and ')}`);
  await loadSession(request, deps.loader, request.raw.socket);
  return authorizationProblem(request, deps.access);
}
