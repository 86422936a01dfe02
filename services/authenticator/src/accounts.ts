import { LOG_API, STATE_API, type ApiPrefix, type STATE_BUCKETS } from '@pizzapi/backbone';
import { WILDCARD } from '@pizzapi/protocol';
import { CONNECTIONS, CONSUME, LOOK_UP, SERVER_SETTINGS, type ServiceRole } from './roles.js';

/**
 * The accounts of nats-server and what crosses from one to another.
 *
 * nats-server answers a call of the JetStream API, a direct get and an append from a client of its own, without a
 * permission check on the reply subject. In one account with the streams any login could send such an answer to
 * `$JS.API.STREAM.PURGE.…`. So the two accounts that have streams let in the provisioner alone. Everyone else logs in to
 * an account without JetStream, and reaches what it needs by a service import: there the server replaces the reply
 * subject by one of its own and delivers the answer in the account that asked. What nobody answers crosses by a stream
 * import, which costs the server less.
 */
export const ACCOUNTS = {
  log: 'PIZZAPI',
  state: 'PIZZAPI_STATE',
  hosts: 'PIZZAPI_HOSTS',
  gateway: 'PIZZAPI_GATEWAY',
  projector: 'PIZZAPI_PROJECTOR',
  authenticator: 'PIZZAPI_AUTHENTICATOR',
  auditor: 'PIZZAPI_AUDITOR',
  system: 'SYS',
} as const;
export type Account = keyof typeof ACCOUNTS;

/** The account that a service logs in to. */
export const accountOf = (role: ServiceRole): Account => (role === 'admin' ? 'log' : role);

/** Something that crosses: who offers it, who may import it, and under which subject. */
export interface Crossing {
  kind: 'service' | 'stream';
  subject: string;
  from: Account;
  to: readonly Account[];
  /** The subject in the account that imports it, where it is another. */
  as?: string;
  /** A request may have several answers. */
  answers?: 'many';
}

const SERVICES = ['gateway', 'projector', 'authenticator'] as const;

const service = (from: Account, to: readonly Account[], ...subjects: readonly string[]): Crossing[] =>
  subjects.map((subject) => ({ kind: 'service', subject, from, to }));
const stream = (from: Account, to: readonly Account[], ...subjects: readonly string[]): Crossing[] =>
  subjects.map((subject) => ({ kind: 'stream', subject, from, to }));
const many = (crossing: Crossing): Crossing => ({ ...crossing, answers: 'many' });

/** Calls that the server answers with a message for each message that was asked for. */
const LONG = ['DIRECT.GET.>', 'CONSUMER.MSG.NEXT.>'];

/** The API of an account that has streams. */
function api(from: 'log' | 'state', prefix: ApiPrefix, to: readonly Account[], calls: readonly string[]): Crossing[] {
  return calls.map((call) => ({
    kind: 'service' as const,
    subject: `$JS.API.${call}`,
    from,
    to,
    as: `${prefix}.${call}`,
    ...(LONG.includes(call) ? { answers: 'many' as const } : {}),
  }));
}

const rows = (to: Account, buckets: readonly (typeof STATE_BUCKETS)[number][]): Crossing[] =>
  service('state', [to], ...buckets.map((name) => `$KV.${name}.>`));

/** All that crosses. `natsConfig.ts` writes it as exports and imports, PROTOCOL.md shows it as a table. */
export const CROSSINGS: readonly Crossing[] = [
  // Appends. They are acknowledged.
  ...service('log', ['hosts', 'projector'], WILDCARD.sessionEvents, '$KV.leases.>'),
  ...service('log', ['hosts'], WILDCARD.runnerEvents),
  ...service('log', ['gateway', 'projector'], WILDCARD.runnerCommands),
  ...service('log', SERVICES, 'audit.*'),
  // What the server publishes as it stores it.
  ...stream('log', ['gateway', 'auditor'], WILDCARD.liveSessionEvents),
  ...stream('log', ['hosts', 'auditor'], WILDCARD.liveRunnerCommands),
  // What is published, for the auditor. The server delivers a message that crosses by a service import no further.
  ...stream('hosts', ['auditor'], WILDCARD.sessionEvents, WILDCARD.runnerEvents),
  ...stream('projector', ['auditor'], WILDCARD.sessionEvents, WILDCARD.runnerCommands, 'audit.*'),
  ...stream('gateway', ['auditor'], WILDCARD.runnerCommands, 'audit.*'),
  ...stream('authenticator', ['auditor'], 'audit.*'),
  // Between hosts and services. Nobody answers pieces.
  ...stream('hosts', ['log', 'gateway', 'auditor'], WILDCARD.sessionDeltas),
  // Not for the auditor: what a terminal prints is for those who may use it.
  ...stream('hosts', ['gateway'], WILDCARD.terminalOutput),
  ...service('hosts', ['log', 'gateway'], 'session.*.partial', 'runner.*.rpc.*'),
  ...service('authenticator', ['log', 'hosts'], 'desk.runner.*', 'desk.session.*'),
  ...service('authenticator', ['log', 'gateway'], 'desk.purge'),
  ...service('gateway', ['log', 'projector'], WILDCARD.attention).map(many),
  // Reading.
  ...api('log', LOG_API, [...SERVICES, 'auditor'], LOOK_UP),
  ...api('log', LOG_API, SERVICES, CONSUME),
  ...service('log', SERVICES, '$JS.ACK.>'),
  ...api('state', STATE_API, SERVICES, [...LOOK_UP, ...CONSUME]),
  // The state.
  ...rows('gateway', [
    'accounts',
    'api-keys',
    'shares',
    'owners',
    'blob-owners',
    'usage',
    'sessions',
    'recent-sessions',
    'session-meta',
    'notifications',
  ]),
  ...rows('projector', [
    'sessions',
    'recent-sessions',
    'session-meta',
    'runners',
    'projector',
    'owners',
    'notifications',
  ]),
  ...rows('authenticator', ['owners', 'api-keys', 'blob-owners', 'blob-parts', 'usage']),
  ...service('state', ['gateway', 'authenticator'], '$O.session-blobs.>'),
  // The server itself.
  ...service('system', ['log', ...SERVICES], SERVER_SETTINGS).map(many),
  ...service('system', ['authenticator'], ...CONNECTIONS).map(many),
];
