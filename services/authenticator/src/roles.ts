import { LOG_API, STATE_API, type STATE_BUCKETS } from '@pizzapi/backbone';
import { WILDCARD } from '@pizzapi/protocol';

/**
 * Who may say what on the backbone. One login a kind of process; a role is least privilege by subject. Hosts have none
 * of these: what a daemon or a worker may do is decided when it connects (`permissions.ts`). `roles.nats.test.ts` holds
 * this table against a real server, `accounts.ts` says how the accounts are connected.
 */

/**
 * How long the server waits for the authenticator until it refuses a client, in seconds. After a restart of nats-server a
 * host may ask before the authenticator is back: it tries again after this time.
 */
export const AUTH_TIMEOUT_S = 2;

/** Subjects that may be published and subscribed to. */
export interface Permissions {
  publish: readonly string[];
  subscribe: readonly string[];
  /** May answer, once, whoever asks on a subject that it subscribes to. */
  answers?: boolean;
}

/** The calls of the JetStream API that read single messages and settings, below the prefix of the API. */
export const LOOK_UP = [
  'INFO',
  'STREAM.NAMES',
  'STREAM.LIST',
  'STREAM.INFO.*',
  'STREAM.MSG.GET.*',
  'DIRECT.GET.>',
] as const;
/** The calls with which a service reads a stream by a consumer of its own. */
export const CONSUME = ['CONSUMER.INFO.>', 'CONSUMER.CREATE.>', 'CONSUMER.DELETE.>', 'CONSUMER.MSG.NEXT.>'] as const;

const under = (prefix: string, calls: readonly string[]): string[] => calls.map((call) => `${prefix}.${call}`);

/** Reading the logs, and reading the state: settings of streams, their messages, and consumers of one's own. */
export const READ_LOGS = [...under(LOG_API, [...LOOK_UP, ...CONSUME]), '$JS.ACK.>'];
export const READ_STATE = under(STATE_API, [...LOOK_UP, ...CONSUME]);

/** The server's settings, which say whether acknowledged writes are on the disk. */
export const SERVER_SETTINGS = '$SYS.REQ.SERVER.PING.VARZ';

/** What finds connections of hosts on all servers, and ends one. */
export const CONNECTIONS = ['$SYS.REQ.SERVER.PING.CONNZ', '$SYS.REQ.SERVER.*.KICK'] as const;

const BLOBS = '$O.session-blobs.>';
const rows = (...buckets: (typeof STATE_BUCKETS)[number][]): string[] => buckets.map((name) => `$KV.${name}.>`);
const everything: Permissions = { publish: ['>'], subscribe: ['>'] };

/** The leases of partitions, which the projector holds beside its permissions of `SERVICES` where there are several. */
export const PARTITION_LEASES = '$KV.leases.projector.*';

/** What each service may do with its connection to the logs and with that to the state, beside receiving its replies. */
export const SERVICES = {
  /** The provisioner: the only one that changes, purges or deletes a stream. */
  admin: { log: everything, state: everything },
  /** Relays: reads every log, sends commands, keeps people's rows and blobs; writes no session's events. */
  gateway: {
    log: {
      publish: [
        ...READ_LOGS,
        SERVER_SETTINGS,
        WILDCARD.runnerCommands,
        'runner.*.rpc.*',
        'session.*.partial',
        'desk.purge',
        'audit.*',
        WILDCARD.gateways,
      ],
      subscribe: [
        WILDCARD.liveSessionEvents,
        WILDCARD.sessionDeltas,
        WILDCARD.terminalOutput,
        WILDCARD.attention,
        WILDCARD.gateways,
      ],
      answers: true,
    },
    state: {
      publish: [
        ...READ_STATE,
        BLOBS,
        ...rows('accounts', 'api-keys', 'shares', 'owners', 'blob-owners', 'usage'),
        ...rows('sessions', 'recent-sessions', 'session-meta', 'notifications'),
      ],
      subscribe: [],
    },
  },
  /**
   * Folds: writes projections, ends sessions whose host is gone and what guests began whose link has ended, passes on
   * what sessions ask of each other, notifies.
   */
  projector: {
    log: {
      publish: [
        ...READ_LOGS,
        SERVER_SETTINGS,
        WILDCARD.sessionEvents,
        WILDCARD.runnerCommands,
        WILDCARD.attention,
        'audit.guest_spawn',
        'audit.guest_stopped',
        '$KV.leases.projector',
      ],
      subscribe: [],
    },
    state: {
      publish: [
        ...READ_STATE,
        ...rows('sessions', 'recent-sessions', 'session-meta', 'runners', 'projector', 'owners', 'notifications'),
      ],
      subscribe: [],
    },
  },
  /** Lets hosts in, and does for them what their own connections may not. */
  authenticator: {
    log: {
      publish: [...READ_LOGS, SERVER_SETTINGS, ...CONNECTIONS, 'audit.*'],
      subscribe: ['desk.runner.*', 'desk.session.*', 'desk.purge'],
      answers: true,
    },
    state: {
      publish: [...READ_STATE, BLOBS, ...rows('owners', 'api-keys', 'blob-owners', 'blob-parts', 'usage')],
      subscribe: ['$SYS.REQ.USER.AUTH'],
      answers: true,
    },
  },
} as const satisfies Record<string, { log: Permissions; state: Permissions }>;
export type ServiceRole = keyof typeof SERVICES;
export const SERVICE_ROLES = Object.keys(SERVICES) as ServiceRole[];

/** A person with the `nats` command: watches every log, changes nothing. */
export const AUDITOR: Permissions = {
  publish: under(LOG_API, LOOK_UP),
  subscribe: [
    WILDCARD.sessionEvents,
    WILDCARD.sessionDeltas,
    WILDCARD.runnerEvents,
    WILDCARD.runnerCommands,
    WILDCARD.audit,
    'live.>',
    '_INBOX.>',
  ],
};
