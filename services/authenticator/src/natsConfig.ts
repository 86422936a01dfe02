import { inboxPrefixOfNkey, openNkey, stateSeedOf } from '@pizzapi/backbone';
import type { NatsCredentials } from '@pizzapi/process';
import { partitionMapping } from '@pizzapi/protocol';
import { accountOf, ACCOUNTS, CROSSINGS, type Account, type Crossing } from './accounts.js';
import {
  AUDITOR,
  AUTH_TIMEOUT_S,
  PARTITION_LEASES,
  SERVICE_ROLES,
  SERVICES,
  type Permissions,
  type ServiceRole,
} from './roles.js';

/**
 * Services and the auditor connect over TCP alone. Hosts also connect over WebSocket, which the gateway makes reachable for
 * everyone: no password is to be guessed and no stolen seed to be used there.
 */
const INSIDE = 'allowed_connection_types: [STANDARD]';

/**
 * The part of a nats-server configuration that says who may connect: services and the auditor by what is written here,
 * hosts by what the authenticator answers to the server's question. Holds public keys, and of secrets only the
 * auditor's password. Nothing in it belongs to one server: all servers of a cluster have the same.
 *
 * With several partitions the account of the logs maps the subject of each log to that of its partition. The server maps
 * an event after it crossed into this account, where only the provisioner logs in: the permissions and imports of hosts
 * are the same, and no host can publish on the subject of a partition.
 */
export function authorizationConfig(
  credentials: NatsCredentials,
  { partitions = 1 }: { partitions?: number } = {},
): string {
  const publicKey = (seed: string): string => openNkey(seed).publicKey;
  const logins = SERVICE_ROLES.map((role) => {
    const { nkeySeed } = credentials[role];
    return {
      role,
      log: publicKey(nkeySeed),
      state: publicKey(stateSeedOf(nkeySeed)),
      may: permissionsOf(role, partitions),
    };
  });
  const mapping = partitionMapping(partitions);
  const { user, password } = credentials.auditor;
  const known = [...logins.flatMap(({ log, state }) => [log, state]), user];
  const users = (account: Account): string[] => [
    ...logins.flatMap(({ role, log, may }) => (accountOf(role) === account ? [nkeyUser(log, may.log)] : [])),
    ...logins.flatMap(({ role, state, may }) =>
      (role === 'admin' ? 'state' : role) === account ? [nkeyUser(state, may.state)] : [],
    ),
    ...(account === 'auditor'
      ? [
          `{ user: ${quote(user)}, password: ${quote(password)}, ${INSIDE}, permissions: ${permissionsConfig(AUDITOR)} }`,
        ]
      : []),
  ];
  return [
    'accounts {',
    ...(Object.keys(ACCOUNTS) as Account[]).flatMap((account) => [
      `  ${ACCOUNTS[account]} {`,
      ...(account === 'log' || account === 'state' ? ['    jetstream: enabled'] : []),
      ...(account === 'log' && mapping !== undefined
        ? [`    mappings: { ${quote(mapping.from)}: ${quote(mapping.to)} }`]
        : []),
      ...block('exports', exportsOf(account)),
      ...block('imports', importsOf(account)),
      ...block('users', users(account)),
      '  }',
    ]),
    '}',
    `system_account: ${ACCOUNTS.system}`,
    'authorization {',
    `  timeout: ${AUTH_TIMEOUT_S}`,
    '  auth_callout {',
    `    issuer: ${publicKey(credentials.issuerSeed)}`,
    `    account: ${ACCOUNTS.authenticator}`,
    `    auth_users: ${list(known)}`,
    '  }',
    '}',
    '',
  ].join('\n');
}

/** With several partitions, projectors share them by a lease of each. */
function permissionsOf(role: ServiceRole, partitions: number): { log: Permissions; state: Permissions } {
  const { log, state }: { log: Permissions; state: Permissions } = SERVICES[role];
  if (role !== 'projector' || partitions === 1) return { log, state };
  return { log: { ...log, publish: [...log.publish, PARTITION_LEASES] }, state };
}

function block(name: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`    ${name}: [`, ...lines.map((line) => `      ${line}`), '    ]'];
}

/** One export a subject and kind, for all accounts that import it. */
function exportsOf(account: Account): string[] {
  const offers = new Map<string, Crossing>();
  for (const crossing of CROSSINGS.filter(({ from }) => from === account)) {
    const key = `${crossing.kind} ${crossing.subject}`;
    const before = offers.get(key);
    offers.set(key, { ...crossing, to: [...new Set([...(before?.to ?? []), ...crossing.to])] });
  }
  return [...offers.values()].map(({ kind, subject, to, answers }) => {
    const accounts = to.map((each) => ACCOUNTS[each]).join(', ');
    const response = answers === 'many' ? ', response_type: stream' : '';
    return `{ ${kind}: ${quote(subject)}, accounts: [${accounts}]${response} }`;
  });
}

function importsOf(account: Account): string[] {
  return CROSSINGS.filter(({ to }) => to.includes(account)).map(({ kind, subject, from, as }) => {
    const under = as === undefined ? '' : `, to: ${quote(as)}`;
    return `{ ${kind}: { account: ${ACCOUNTS[from]}, subject: ${quote(subject)} }${under} }`;
  });
}

function nkeyUser(publicKey: string, permissions: Permissions): string {
  const inbox = `${inboxPrefixOfNkey(publicKey)}.>`;
  const subscribe = [...permissions.subscribe, inbox];
  return `{ nkey: ${publicKey}, ${INSIDE}, permissions: ${permissionsConfig({ ...permissions, subscribe })} }`;
}

function permissionsConfig({ publish, subscribe, answers = false }: Permissions): string {
  const response = answers ? ', allow_responses: { max: 1, expires: "1m" }' : '';
  return `{ publish: { allow: ${list(publish)} }, subscribe: { allow: ${list(subscribe)} }${response} }`;
}

function list(subjects: readonly string[]): string {
  return `[${subjects.map(quote).join(', ')}]`;
}

/** Quoted, for `$` starts a variable in the server's configuration and `>` needs none to be a wildcard. */
function quote(text: string): string {
  return JSON.stringify(text);
}
