import { askAll, requestRpc, type Backbone } from '@pizzapi/backbone';
import { CodedError, isMap, mapAt, numberAt, stringAt } from '@pizzapi/protocol';
import { ACCOUNTS } from './accounts.js';

/** Connections in one answer of a server. */
const PAGE = 1_024;
/** How long a server may take to answer at all, in ms; after so long without another server's answer, all have. */
const FIRST_MS = 2_000;
const QUIET_MS = 300;
const KICK_MS = 2_000;

/** A connection of a host to one of the servers. */
export interface HostConnection {
  server: string;
  cid: number;
  /** What it was let in as; see `connectionName`. */
  name: string;
}

/**
 * The connections in the account of the hosts, of all servers. Throws `unavailable` when no server answers: that is not
 * the same as none.
 */
export async function listConnections(b: Backbone): Promise<HostConnection[]> {
  const found: HostConnection[] = [];
  for (let offset = 0; ; offset += PAGE) {
    const ask = encode({ auth: true, acc: ACCOUNTS.hosts, limit: PAGE, offset });
    const answers = await askAll(b, '$SYS.REQ.SERVER.PING.CONNZ', ask, { firstMs: FIRST_MS, quietMs: QUIET_MS });
    if (answers.length === 0) throw new CodedError('unavailable', 'No nats-server lists its connections');
    let full = false;
    for (const answer of answers) {
      const connections = connectionsIn(answer);
      found.push(...connections.hosts);
      full ||= connections.count >= PAGE;
    }
    if (!full) return found;
  }
}

/** Ends a connection. Whether it is gone shows in the next list. */
export async function kick(b: Backbone, { server, cid }: HostConnection): Promise<void> {
  await requestRpc(b, `$SYS.REQ.SERVER.${server}.KICK`, encode({ cid }), { timeoutMs: KICK_MS });
}

function connectionsIn(answer: Uint8Array): { hosts: HostConnection[]; count: number } {
  const parsed: unknown = JSON.parse(Buffer.from(answer).toString());
  const data = isMap(parsed) ? mapAt(parsed, 'data') : undefined;
  const server = data && stringAt(data, 'server_id');
  const list = data?.['connections'];
  if (server === undefined || !Array.isArray(list)) return { hosts: [], count: 0 };
  const hosts = list.filter(isMap).flatMap((connection) => {
    const cid = numberAt(connection, 'cid');
    const name = stringAt(connection, 'authorized_user');
    return cid === undefined || name === undefined ? [] : [{ server, cid, name }];
  });
  return { hosts, count: list.length };
}

function encode(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
