import { BEARER_PREFIX, errorInfo, isId, SUBPROTOCOL, type ErrorInfo } from '@pizzapi/protocol';
import type { FastifyRequest } from 'fastify';
import type { Addresses } from '../auth/addresses.js';
import type { Credentials } from '../auth/credentials.js';
import type { Reader } from '../session/reader.js';

export interface AdmissionDeps {
  addresses: Addresses;
  credentials: Credentials;
  reader: Reader;
  isDraining: () => boolean;
}

/** The subprotocol to answer with; false = none was asked for, which means msgpack; undefined = none that we speak. */
export function protocolOf(offered: string | undefined): string | false | undefined {
  const names = (offered ?? '').split(',').map((name) => name.trim());
  const ours = names.filter((name) => name !== '' && !name.startsWith(BEARER_PREFIX));
  if (ours.length === 0) return false;
  return ours.find((name) => name === SUBPROTOCOL.msgpack || name === SUBPROTOCOL.json);
}

/**
 * Why an upgrade is refused, or undefined. The guard has judged Host and credentials before, as of any request; what is
 * asked here holds for sockets alone.
 */
export async function socketProblem(request: FastifyRequest, deps: AdmissionDeps): Promise<ErrorInfo | undefined> {
  const { headers } = request;
  if (deps.isDraining()) return errorInfo('draining');
  const foreign = deps.addresses.originProblem(headers);
  if (foreign !== undefined) return foreign;
  const who = deps.credentials.authenticate(headers);
  // A page always says where it comes from; a cookie without that was not sent by one.
  if (who.kind === 'principal' && who.by === 'cookie' && headers.origin === undefined)
    return errorInfo('unauthenticated', 'A cookie came without an Origin');
  if (protocolOf(headers['sec-websocket-protocol']) === undefined)
    return errorInfo('bad_request', `Subprotocols are ${Object.values(SUBPROTOCOL).join(' and ')}`);
  return targetProblem(request, deps.reader);
}

async function targetProblem(request: FastifyRequest, reader: Reader): Promise<ErrorInfo | undefined> {
  const { sid } = request.params as { sid?: string };
  if (sid === undefined) return undefined;
  if (!isId(sid)) return errorInfo('invalid_id', `"${sid.slice(0, 80)}" is not an id`);
  return (await reader.exists(sid)) ? undefined : errorInfo('session_not_found', `There is no session "${sid}"`);
}
