/**
 * Who may say what on the backbone. One connection role a kind of process; a role is least privilege by subject.
 * `roles.nats.test.ts` holds this table against a real server.
 */
export const ROLES = ['admin', 'gateway', 'projector', 'runner', 'auditor'] as const;
export type Role = (typeof ROLES)[number];

/** Subjects a role may publish and subscribe to; no `allow` means everything that `deny` leaves. */
export interface Permissions {
  publish: { allow?: readonly string[]; deny?: readonly string[] };
  subscribe: { allow?: readonly string[]; deny?: readonly string[] };
}

/** Changes to streams themselves are the provisioner's alone. */
const STREAM_ADMIN = [
  '$JS.API.STREAM.CREATE.>',
  '$JS.API.STREAM.UPDATE.>',
  '$JS.API.STREAM.DELETE.>',
  '$JS.API.STREAM.RESTORE.>',
  '$JS.API.STREAM.SNAPSHOT.>',
  '$JS.API.STREAM.MSG.DELETE.>',
  '$JS.API.ACCOUNT.>',
] as const;

/** Reading streams: their state, their messages, and consumers of one's own. */
const READ_STREAMS = [
  '$JS.API.INFO',
  '$JS.API.STREAM.NAMES',
  '$JS.API.STREAM.LIST',
  '$JS.API.STREAM.INFO.*',
  '$JS.API.STREAM.MSG.GET.*',
  '$JS.API.DIRECT.GET.>',
  '$JS.API.CONSUMER.NAMES.*',
  '$JS.API.CONSUMER.LIST.*',
  '$JS.API.CONSUMER.INFO.>',
  '$JS.API.CONSUMER.CREATE.>',
  '$JS.API.CONSUMER.MSG.NEXT.>',
  '$JS.FC.>',
] as const;

const PURGE = '$JS.API.STREAM.PURGE.>';

export const PERMISSIONS: Readonly<Record<Role, Permissions>> = {
  admin: { publish: {}, subscribe: {} },
  /** Relays: reads every log, sends commands, keeps blobs, deletes sessions; writes no session's events. */
  gateway: {
    publish: { deny: [...STREAM_ADMIN, 'session.*.events', 'session.*.deltas', 'runner.*.events', 'live.>'] },
    subscribe: {},
  },
  /** Folds: writes projections, and ends sessions whose host is gone. */
  projector: {
    publish: { deny: [...STREAM_ADMIN, PURGE, 'session.*.deltas', 'runner.*.cmd', 'live.>'] },
    subscribe: {},
  },
  /** Hosts: writes its sessions and its own events, reads its commands. */
  runner: {
    publish: { deny: [...STREAM_ADMIN, PURGE, 'audit.>', 'live.>'] },
    subscribe: { deny: ['audit.>'] },
  },
  /** Watches everything, changes nothing. */
  auditor: {
    publish: { allow: READ_STREAMS },
    subscribe: { allow: ['session.>', 'live.>', 'runner.*.events', 'runner.*.cmd', 'audit.>', '_INBOX.>', '$JS.FC.>'] },
  },
};
