import { authorizationConfig, generateCredentials, isCredentials } from '@pizzapi/authenticator';
import { newGatewaySecret, parseGatewaySecret, type NatsCredentials } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { quoteConfig } from '@pizzapi/nats-server';
import { randomBytes } from 'node:crypto';

/** The secrets of an installation. */
export interface InstallationSecrets {
  users: NatsCredentials;
  gatewaySecret: string;
  routePassword: string;
}

/** The user that the nodes of a cluster log in as at each other. */
const ROUTE_USER = 'route';
const ROUTE_PORT = 6222;
/** A host name, or an IPv4 address, with a port if it is not 6222. */
const NODE = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?$/;
const PASSWORD = /^[\w-]{20,}$/;

/** The files of the folder. Each is also the name of the key in a Kubernetes Secret. */
export const SECRET_FILES = [
  'admin-nkey',
  'gateway-nkey',
  'projector-nkey',
  'authenticator-nkey',
  'auth-issuer',
  'auditor-password',
  'gateway-secret',
  'route-password',
] as const;
export type SecretFile = (typeof SECRET_FILES)[number];
export const ACCOUNTS_FILE = 'accounts.conf';
export const ROUTES_FILE = 'routes.conf';

/** Returns fresh secrets. */
export function newSecrets(): InstallationSecrets {
  return {
    users: generateCredentials(),
    gatewaySecret: newGatewaySecret(),
    routePassword: randomBytes(24).toString('base64url'),
  };
}

/** Returns the text of each file with a secret. No text ends in a line break, because it may become a variable. */
export function secretTexts({ users, gatewaySecret, routePassword }: InstallationSecrets): Record<SecretFile, string> {
  return {
    'admin-nkey': users.admin.nkeySeed,
    'gateway-nkey': users.gateway.nkeySeed,
    'projector-nkey': users.projector.nkeySeed,
    'authenticator-nkey': users.authenticator.nkeySeed,
    'auth-issuer': users.issuerSeed,
    'auditor-password': users.auditor.password,
    'gateway-secret': gatewaySecret,
    'route-password': routePassword,
  };
}

/**
 * Returns the secrets of a folder: what its files hold, and for each missing file what is in `fresh`. Throws `bad_option`
 * with the name of a file that holds something else: to replace a secret, its file has to be deleted.
 */
export function completeSecrets(
  stored: Partial<Record<SecretFile, string>>,
  fresh: InstallationSecrets,
): InstallationSecrets {
  const texts = { ...secretTexts(fresh), ...stored };
  const secrets = secretsOf(texts, fresh);
  const known = secretTexts(fresh);
  // One at a time beside fresh ones, so that the error names the file.
  const bad = SECRET_FILES.find((file) => !isComplete(secretsOf({ ...known, [file]: texts[file] }, fresh)));
  if (bad === undefined) return secrets;
  throw new CodedError('bad_option', `The file ${bad} does not hold such a secret. Delete it to create another one`);
}

function secretsOf(texts: Record<SecretFile, string>, { users }: InstallationSecrets): InstallationSecrets {
  const nkey = (file: SecretFile) => ({ nkeySeed: texts[file] });
  return {
    users: {
      admin: nkey('admin-nkey'),
      gateway: nkey('gateway-nkey'),
      projector: nkey('projector-nkey'),
      authenticator: nkey('authenticator-nkey'),
      auditor: { user: users.auditor.user, password: texts['auditor-password'] },
      issuerSeed: texts['auth-issuer'],
    },
    gatewaySecret: texts['gateway-secret'],
    routePassword: texts['route-password'],
  };
}

const isComplete = ({ users, gatewaySecret, routePassword }: InstallationSecrets): boolean =>
  isCredentials(users) &&
  PASSWORD.test(users.auditor.password) &&
  parseGatewaySecret(gatewaySecret) !== undefined &&
  PASSWORD.test(routePassword);

/** Returns the accounts and permissions of nats-server, for every server of an installation. */
export function accountsText({ users }: InstallationSecrets, partitions: number): string {
  const title = `# Written by \`pizzapi credentials\`. Partitions of the log: ${partitions}.`;
  return `${title}\n${authorizationConfig(users, { partitions })}`;
}

/** Returns the number of partitions that a text of `accountsText` is for. */
export function partitionsIn(text: string): number {
  return Number(/"partition\.(\d+)\./.exec(text)?.[1] ?? 1);
}

/** Returns the host names in an option. Throws `bad_option` for what is no host name. */
export function readNodes(text: string): string[] {
  const nodes = text.split(',').map((node) => node.trim());
  for (const node of nodes)
    if (!NODE.test(node)) throw new CodedError('bad_option', `--nodes names "${node}", but takes host names`);
  return nodes;
}

/** Returns the host names that a text of `routesText` has. */
export function nodesIn(text: string): string[] {
  return [...text.matchAll(/@([^"@]+)"/g)].map(([, node]) => node!);
}

/** Returns the routes of a cluster with their login, for the block `cluster` of every server. */
export function routesText({ routePassword }: InstallationSecrets, nodes: readonly string[]): string {
  const urls = nodes.map((node) =>
    quoteConfig(`nats-route://${ROUTE_USER}:${routePassword}@${node.includes(':') ? node : `${node}:${ROUTE_PORT}`}`),
  );
  return [
    '# Written by `pizzapi credentials`. Include it in the block `cluster`.',
    `authorization { user: ${ROUTE_USER}, password: ${quoteConfig(routePassword)}, timeout: 10 }`,
    `routes: [${urls.join(', ')}]`,
    '',
  ].join('\n');
}
