import { join } from 'node:path';
import { isMap, stringAt, type UnknownMap } from '@pizzapi/protocol';

/** The paths below the home of an installation (`PIZZAPI_HOME`). Every file with a secret is readable by its owner only. */
export interface HomeLayout {
  readonly root: string;
  /** The store of JetStream. */
  readonly nats: string;
  /** One log file for each process. */
  readonly logs: string;
  /** The folder of the runner. */
  readonly runner: string;
  /** One folder for each terminal that shares its session. */
  readonly terminals: string;
  /** `NatsAccess` */
  readonly natsAccessFile: string;
  /** `LocalState` */
  readonly localStateFile: string;
  /** `{ secret }`, the secret of the gateway in base64url. */
  readonly gatewaySecretFile: string;
  /** `{ relays: { <address>: { apiKey } } }`, the logins of `pizzapi login`. */
  readonly loginFile: string;
  /** `{ runnerId, runnerSecret }` */
  readonly runnerIdentityFile: string;
  /** `RunnerPairing` */
  readonly runnerTokenFile: string;
}

/** Returns the paths below `root`. */
export function homeLayout(root: string): HomeLayout {
  return {
    root,
    nats: join(root, 'nats'),
    logs: join(root, 'logs'),
    runner: join(root, 'runner'),
    terminals: join(root, 'tui'),
    natsAccessFile: join(root, 'nats', 'credentials.json'),
    localStateFile: join(root, 'local.json'),
    gatewaySecretFile: join(root, 'gateway.json'),
    loginFile: join(root, 'login.json'),
    runnerIdentityFile: join(root, 'runner', 'identity.json'),
    runnerTokenFile: join(root, 'runner', 'token.json'),
  };
}

/** The login of a process: an nkey seed (`SU…`), which never leaves the process. */
export interface NkeyLogin {
  nkeySeed: string;
}

/** The login of a person with the `nats` command. */
export interface PasswordLogin {
  user: string;
  password: string;
}

/** The logins of an installation to nats-server, one for each role. */
export interface NatsCredentials {
  /** The provisioner's login. It has every permission. */
  admin: NkeyLogin;
  gateway: NkeyLogin;
  projector: NkeyLogin;
  authenticator: NkeyLogin;
  /** Reads everything and changes nothing. */
  auditor: PasswordLogin;
  /** The account seed (`SA…`) with which the authenticator signs the permissions of a host. */
  issuerSeed: string;
}

/** How to reach the nats-server of a local run. */
export interface NatsAccess {
  url: string;
  users: NatsCredentials;
  /** The token of this machine's runner, and of other runners that start here without a token of their own. */
  runnerToken: string;
}

/** The state of a local run. The file is present while it runs, and after it was killed. */
export interface LocalState {
  pid: number;
  /** Where programs reach the gateway. */
  url: string;
  /** Where people open its page. */
  pageUrl: string;
  natsUrl: string;
}

/** What `pizzapi runner pair` received for the runner of this home. */
export interface RunnerPairing {
  /** `pzr_…` */
  token: string;
  /** Where the runner reaches nats-server; undefined when the gateway did not report it. */
  natsUrl: string | undefined;
  /** The gateway that issued the token. */
  relayUrl: string;
  /** The name of the runner, when the person gave one. */
  name?: string;
}

/** Returns the state in the value of a file, or undefined when it has another shape. */
export function parseLocalState(value: unknown): LocalState | undefined {
  if (!isMap(value)) return undefined;
  const { pid, url, natsUrl, pageUrl } = value;
  if (typeof pid !== 'number' || typeof url !== 'string' || typeof natsUrl !== 'string') return undefined;
  // Earlier versions had one address.
  return { pid, url, natsUrl, pageUrl: typeof pageUrl === 'string' ? pageUrl : url };
}

/** Returns the access in the value of a file, or undefined when it has another shape. Does not check the seeds. */
export function parseNatsAccess(value: unknown): NatsAccess | undefined {
  if (!isMap(value)) return undefined;
  const [url, runnerToken, users] = [stringAt(value, 'url'), stringAt(value, 'runnerToken'), value['users']];
  if (url === undefined || runnerToken === undefined || !isNatsCredentials(users)) return undefined;
  return { url, users, runnerToken };
}

/** Whether a value has a login for every role. Does not check the seeds. */
export function isNatsCredentials(value: unknown): value is NatsCredentials {
  if (!isMap(value)) return false;
  const auditor = mapAt(value, 'auditor');
  return (
    NKEY_ROLES.every((role) => stringAt(mapAt(value, role), 'nkeySeed') !== undefined) &&
    stringAt(auditor, 'user') !== undefined &&
    stringAt(auditor, 'password') !== undefined &&
    stringAt(value, 'issuerSeed') !== undefined
  );
}

/** The roles that log in with an nkey. */
export const NKEY_ROLES = ['admin', 'gateway', 'projector', 'authenticator'] as const;

/** Returns the pairing in the value of a file, or undefined when it has another shape. */
export function parseRunnerPairing(value: unknown): RunnerPairing | undefined {
  if (!isMap(value)) return undefined;
  const [token, relayUrl] = [stringAt(value, 'token'), stringAt(value, 'relayUrl')];
  if (token === undefined || relayUrl === undefined) return undefined;
  const name = stringAt(value, 'name');
  return { token, relayUrl, natsUrl: stringAt(value, 'natsUrl'), ...(name === undefined ? {} : { name }) };
}

function mapAt(map: UnknownMap, key: string): UnknownMap {
  const value = map[key];
  return isMap(value) ? value : {};
}
