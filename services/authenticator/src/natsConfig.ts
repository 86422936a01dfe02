import { inboxPrefixOfNkey, openNkey, stateSeedOf } from '@pizzapi/backbone';
import type { Credentials } from './credentials.js';
import {
  AUDITOR,
  AUTH_TIMEOUT_S,
  LOG_ACCOUNT,
  SERVER_SETTINGS,
  SERVICE_ROLES,
  SERVICES,
  STATE_ACCOUNT,
  SYSTEM,
  SYSTEM_ACCOUNT,
  type Permissions,
} from './roles.js';

/**
 * The part of a nats-server configuration that says who may connect: services and the auditor by what is written here,
 * everybody else by what the authenticator answers to the server's question. Holds public keys, and of secrets only the
 * auditor's password.
 */
export function authorizationConfig(credentials: Credentials): string {
  const publicKey = (seed: string): string => openNkey(seed).publicKey;
  const logins = SERVICE_ROLES.map((role) => {
    const { nkeySeed } = credentials[role];
    return { log: publicKey(nkeySeed), state: publicKey(stateSeedOf(nkeySeed)), may: SERVICES[role] };
  });
  const system = publicKey(credentials.system.nkeySeed);
  const { user, password } = credentials.auditor;
  const known = [...logins.flatMap(({ log, state }) => [log, state]), system, user];
  const settings = quote(SERVER_SETTINGS);
  return [
    'accounts {',
    `  ${SYSTEM_ACCOUNT} {`,
    `    exports: [ { service: ${settings}, accounts: [${LOG_ACCOUNT}] } ]`,
    `    users: [ ${nkeyUser(system, SYSTEM)} ]`,
    '  }',
    `  ${LOG_ACCOUNT} {`,
    '    jetstream: enabled',
    `    imports: [ { service: { account: ${SYSTEM_ACCOUNT}, subject: ${settings} } } ]`,
    '    users: [',
    ...logins.map(({ log, may }) => `      ${nkeyUser(log, may.log)}`),
    `      { user: ${quote(user)}, password: ${quote(password)}, permissions: ${permissionsConfig(AUDITOR)} }`,
    '    ]',
    '  }',
    `  ${STATE_ACCOUNT} {`,
    '    jetstream: enabled',
    '    users: [',
    ...logins.map(({ state, may }) => `      ${nkeyUser(state, may.state)}`),
    '    ]',
    '  }',
    '}',
    `system_account: ${SYSTEM_ACCOUNT}`,
    'authorization {',
    `  timeout: ${AUTH_TIMEOUT_S}`,
    '  auth_callout {',
    `    issuer: ${publicKey(credentials.issuerSeed)}`,
    `    account: ${STATE_ACCOUNT}`,
    `    auth_users: ${list(known)}`,
    '  }',
    '}',
    '',
  ].join('\n');
}

function nkeyUser(publicKey: string, permissions: Permissions): string {
  const inbox = `${inboxPrefixOfNkey(publicKey)}.>`;
  const subscribe = [...permissions.subscribe, inbox];
  return `{ nkey: ${publicKey}, permissions: ${permissionsConfig({ ...permissions, subscribe })} }`;
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
