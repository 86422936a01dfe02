import type { STATE_BUCKETS } from '@pizzapi/backbone';
import { WILDCARD } from '@pizzapi/protocol';

/**
 * Who may say what on the backbone. One login a kind of process; a role is least privilege by subject. Hosts have none
 * of these: what a daemon or a worker may do is decided when it connects (`permissions.ts`). `roles.nats.test.ts` holds
 * this table against a real server.
 *
 * There are two accounts, because a NATS client may name any subject for its replies, and the server publishes them
 * there without asking whether the client might: in one account, a host could have an acknowledgement overwrite a row
 * of the bucket of accounts. So the logs and leases, which hosts write to, are in one account, and the buckets of
 * people, grants, projections and blobs in another, which no host can reach.
 */
export const LOG_ACCOUNT = 'PIZZAPI';
export const STATE_ACCOUNT = 'PIZZAPI_STATE';
export const SYSTEM_ACCOUNT = 'SYS';

/** How long the server waits for the authenticator until it refuses who wants to connect, in seconds. */
export const AUTH_TIMEOUT_S = 5;

/** Subjects that may be published and subscribed to. */
export interface Permissions {
  publish: readonly string[];
  subscribe: readonly string[];
  /** May answer, once, whoever asks on a subject that it subscribes to. */
  answers?: boolean;
}

/** Reading streams: their settings and state, their messages, and consumers of one's own. */
export const READ = [
  '$JS.API.INFO',
  '$JS.API.STREAM.NAMES',
  '$JS.API.STREAM.INFO.*',
  '$JS.API.STREAM.MSG.GET.*',
  '$JS.API.DIRECT.GET.>',
  '$JS.API.CONSUMER.INFO.>',
  '$JS.API.CONSUMER.CREATE.>',
  '$JS.API.CONSUMER.DELETE.>',
  '$JS.API.CONSUMER.MSG.NEXT.>',
  '$JS.ACK.>',
  '$JS.FC.>',
] as const;

/** The server's settings, which say whether acknowledged writes are on the disk. */
export const SERVER_SETTINGS = '$SYS.REQ.SERVER.PING.VARZ';

const BLOBS = '$O.session-blobs.>';
const rows = (...buckets: (typeof STATE_BUCKETS)[number][]): string[] => buckets.map((name) => `$KV.${name}.>`);
const everything: Permissions = { publish: ['>'], subscribe: ['>'] };

/** What each service may do in the account of the logs and in that of the state, beside listening to its own inbox. */
export const SERVICES = {
  /** The provisioner: the only one that changes, purges or deletes a stream. */
  admin: { log: everything, state: everything },
  /** Relays: reads every log, sends commands, keeps people's rows and blobs; writes no session's events. */
  gateway: {
    log: {
      publish: [
        ...READ,
        SERVER_SETTINGS,
        WILDCARD.runnerCommands,
        'runner.*.rpc.*',
        'session.*.partial',
        'desk.purge',
        'audit.*',
      ],
      subscribe: [WILDCARD.liveSessionEvents, WILDCARD.sessionDeltas, WILDCARD.attention],
      answers: true,
    },
    state: {
      publish: [
        ...READ,
        BLOBS,
        ...rows('accounts', 'api-keys', 'shares', 'owners', 'blob-owners', 'sessions', 'session-meta', 'notifications'),
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
        ...READ,
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
      publish: [...READ, ...rows('sessions', 'session-meta', 'runners', 'projector', 'owners', 'notifications')],
      subscribe: [],
    },
  },
  /** Lets hosts in, and does for them what their own connections may not. */
  authenticator: {
    log: {
      publish: [...READ, SERVER_SETTINGS, 'audit.*'],
      subscribe: ['desk.runner.*', 'desk.session.*', 'desk.purge'],
      answers: true,
    },
    state: {
      publish: [...READ, BLOBS, ...rows('owners', 'api-keys', 'blob-owners', 'blob-parts')],
      subscribe: ['$SYS.REQ.USER.AUTH'],
      answers: true,
    },
  },
} as const satisfies Record<string, { log: Permissions; state: Permissions }>;
export type ServiceRole = keyof typeof SERVICES;
export const SERVICE_ROLES = Object.keys(SERVICES) as ServiceRole[];

/** The authenticator's login in the system account: finds connections and ends them. */
export const SYSTEM: Permissions = {
  publish: ['$SYS.REQ.SERVER.PING.CONNZ', '$SYS.REQ.SERVER.*.KICK'],
  subscribe: [],
};

/** A person with the `nats` command: watches every log, changes nothing. */
export const AUDITOR: Permissions = {
  publish: READ.filter((subject) => !/DELETE|ACK/.test(subject)),
  subscribe: [
    'session.*.events',
    'session.*.deltas',
    'live.>',
    'runner.*.events',
    'runner.*.cmd',
    'audit.>',
    '_INBOX.>',
  ],
};
