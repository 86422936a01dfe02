import type { Credentials } from './credentials.js';
import { PERMISSIONS, ROLES, type Permissions } from './roles.js';

/** What every role may ask of the server itself: its settings, which say whether acknowledged writes are on the disk. */
const SERVER_SETTINGS = '$SYS.REQ.SERVER.PING.VARZ';

/** The `accounts` block of a nats-server configuration: one user a role, with its permissions, in one account. */
export function authorizationConfig(credentials: Credentials): string {
  const users = ROLES.map((role) => {
    const { user, password } = credentials[role];
    return `      { user: ${quote(user)}, password: ${quote(password)}, permissions: ${permissionsConfig(PERMISSIONS[role])} }`;
  });
  const service = quote(SERVER_SETTINGS);
  return [
    'accounts {',
    `  SYS { exports: [ { service: ${service}, accounts: [PIZZAPI] } ] }`,
    '  PIZZAPI {',
    '    jetstream: enabled',
    `    imports: [ { service: { account: SYS, subject: ${service} } } ]`,
    '    users: [',
    ...users,
    '    ]',
    '  }',
    '}',
    'system_account: SYS',
    '',
  ].join('\n');
}

function permissionsConfig({ publish, subscribe }: Permissions): string {
  return `{ publish: ${side(publish)}, subscribe: ${side(subscribe)} }`;
}

function side({ allow, deny }: Permissions['publish']): string {
  const lists = [`allow: ${list(allow ?? ['>'])}`];
  if (deny !== undefined) lists.push(`deny: ${list(deny)}`);
  return `{ ${lists.join(', ')} }`;
}

function list(subjects: readonly string[]): string {
  return `[${subjects.map(quote).join(', ')}]`;
}

/** Quoted, for `$` starts a variable in the server's configuration and `>` needs none to be a wildcard. */
function quote(text: string): string {
  return JSON.stringify(text);
}
