import { connect } from 'node:net';
import {
  connectBackbone,
  OLDEST_SERVER,
  probeWrites,
  requestRpc,
  verifyProvisioned,
  type Backbone,
} from '@pizzapi/backbone';
import {
  compareSemver,
  describeUse,
  ERRORS,
  hostApiSubjects,
  encode,
  storageWarning,
  toErrorInfo,
  versionsApartText,
  type AuthOptions,
  type NetworkReply,
  type RunnerInfo,
  type SpokenVersion,
  type StorageUseInfo,
  splitAddresses,
} from '@pizzapi/protocol';
import type { NatsAccess } from '@pizzapi/process';
import { certificateProblem, outboundFetch } from '@pizzapi/process/outbound';
import { isLoopback, readLocalState, type GatewayAccess } from '../home.js';
import { fail, ok, warn, type Finding } from './finding.js';

/** How long a server may take to answer a check, in ms. */
const ANSWER_MS = 3_000;
/** The same of the readiness of a gateway, which makes a real write first, in ms. */
const READY_MS = 8_000;
const START = 'Start it with `npm start` or `pizzapi local`.';

export function checkLocalRun(home: string): Finding {
  const state = readLocalState(home);
  if (state === undefined) return warn('local run', `No local run uses ${home}`, START);
  return isAlive(state.pid)
    ? ok('local run', `${state.url}, process ${state.pid}`)
    : warn('local run', `${home} names process ${state.pid}, which no longer runs`, START);
}

/** Checks the gateway: whether it accepts our credentials, who can reach it, and its runners. */
export async function checkGateway({ url, token, api }: GatewayAccess): Promise<Finding[]> {
  const ready = await answer(`${url}/readyz`);
  if (ready === undefined)
    return [fail('gateway', `${url} does not answer`, `${START} Use --relay-url for another one.`)];
  if (ready.problem !== undefined) return [fail('gateway', ready.problem.what, ERRORS[ready.problem.code].hint)];
  const findings = [readiness(url, ready)];
  const network = await api.network();
  const addresses = network.kind === 'ok' ? network.value.addresses : [];
  // A gateway of this machine may be open to its network all the same.
  if (addresses.length === 0) findings.push(exposure(url));
  const options = await api.authOptions();
  if (options.kind === 'ok') findings.push(...issuerFindings(options.value));
  const me = await api.me();
  if (me.kind === 'failed') {
    const isRefused = me.status === 401 || me.status === 403;
    const todo = token === undefined ? 'Set PIZZAPI_API_KEY, or use the home of the local run.' : me.error.message;
    const what = isRefused ? `${url} refused the credentials` : `The account cannot be read (${me.error.code})`;
    return [...findings, fail('sign-in', what, isRefused ? todo : me.error.message)];
  }
  findings.push(ok('sign-in', `as ${me.value.userId}`));
  if (network.kind === 'ok') findings.push(networkFinding(network.value));
  const usage = await api.usage();
  if (usage.kind === 'ok') findings.push(storageFinding(usage.value.uses));
  const runners = await api.runners();
  if (runners.kind === 'failed')
    return [...findings, fail('runner', 'The list of runners cannot be read', runners.error.message)];
  const { relay } = me.value;
  const versions = relay === undefined ? [] : versionFindings(runners.value.runners, relay, url);
  return [...findings, ...runnerFindings(runners.value.runners), ...versions];
}

/** Checks whether the issuer that people sign in through answers the gateway. */
export function issuerFindings({ issuer, passwords }: AuthOptions): Finding[] {
  if (issuer === undefined) return [];
  if (issuer.available) return [ok('issuer', `${issuer.name} answers`)];
  const ways = passwords === false ? 'New sign-ins fail.' : 'Passwords still work.';
  return [
    warn(
      'issuer',
      `${issuer.name} does not answer the gateway. ${ways}`,
      'Read the log of the gateway ("issuer does not answer"), and compare PIZZAPI_OIDC_ISSUER, PIZZAPI_CA and the proxy.',
    ),
  ];
}

function readiness(url: string, { ok: isReady, text }: Answer): Finding {
  const isGateway = /^(not )?ready\b/.test(text);
  if (!isGateway) return fail('gateway', `${url} is another program, not a PizzaPi gateway`, ERRORS.not_a_gateway.hint);
  if (isReady) return ok('gateway', `${url} is ready`);
  if (text.includes('disk_full'))
    return fail('gateway', `${url} is not ready: the disk of its nats-server is full`, ERRORS.disk_full.hint);
  return fail('gateway', `${url} is not ready`, 'Wait a few seconds, or read its log.');
}

export function runnerFindings(runners: readonly RunnerInfo[]): Finding[] {
  const online = runners.filter((runner) => runner.online === true);
  if (online.length === 0)
    return [fail('runner', `0 of ${runners.length} are online`, 'Start one with `pizzapi runner`.')];
  return online.map(({ name, sessions, maxSessions, models }) => {
    const available = models.filter((model) => model.available).length;
    return ok(
      'runner',
      // Sessions that are suspended count too: they may be more.
      `${name} is online: ${sessions.length} sessions, at most ${maxSessions} awake at once, ${available} models with a key`,
    );
  });
}

/** Checks which online runners have another version than their relay. */
export function versionFindings(runners: readonly RunnerInfo[], relay: SpokenVersion, url: string): Finding[] {
  return runners.flatMap((runner) => {
    const apart = runner.online === true ? versionsApartText(runner, relay, url) : undefined;
    if (apart === undefined) return [];
    return [(apart.works ? warn : fail)('version', `${runner.name}: ${apart.text}`, apart.todo)];
  });
}

/** Checks whether there is enough disk space. */
export function storageFinding(uses: readonly StorageUseInfo[]): Finding {
  const warning = storageWarning(uses);
  if (warning === undefined) return ok('storage', uses.map(describeUse).join('; '));
  return warn(
    'storage',
    describeUse(warning),
    '`pizzapi usage` lists the largest sessions; `pizzapi delete <session> --yes` frees their storage.',
  );
}

/** Checks whether other people on the network could read the traffic. */
export function exposure(url: string): Finding {
  if (isLoopback(url)) return ok('exposure', 'Only this machine can connect to the gateway');
  if (url.startsWith('https:')) return ok('exposure', `${url} is encrypted`);
  return warn(
    'exposure',
    `${url} accepts connections from other machines without encryption`,
    'Put TLS in front and set PIZZAPI_PUBLIC_URL.',
  );
}

/** Checks at which addresses other devices reach the gateway, and who else can open its sign-in page there. */
export function networkFinding({ addresses }: Pick<NetworkReply, 'addresses'>): Finding {
  const urls = addresses.map(({ url }) => url).join(', ');
  if (addresses.length === 0)
    return ok('phone', 'Only this machine can open the page; `npm start -- --lan` opens it to the local network');
  if (addresses.every(({ secure }) => secure)) return ok('phone', `Other devices open ${urls}`);
  return warn(
    'phone',
    `Other devices open ${urls}, without https: everyone in this network can open the sign-in page`,
    'Use it in a network that you trust. For https: `tailscale serve`, Caddy, or --tls-cert and --tls-key.',
  );
}

/** Checks the backbone: whether it is reachable, new enough, provisioned and protected. */
export async function checkNats(access: NatsAccess | undefined, url: string): Promise<Finding[]> {
  const version = await natsVersion(access?.url ?? url);
  if (version === undefined) return [fail('nats', `${access?.url ?? url} does not answer`, START)];
  if (compareSemver(version, OLDEST_SERVER) < 0) {
    return [fail('nats', `nats-server ${version} is too old`, `Install ${OLDEST_SERVER} or newer.`)];
  }
  const reachable = ok('nats', `nats-server ${version} at ${access?.url ?? url}`);
  if (access === undefined) return [reachable];
  return [reachable, ...(await checkInside(access))];
}

/** What only the administrator can see: whether the streams are there, and who lets hosts in. */
async function checkInside({ url, users }: NatsAccess): Promise<Finding[]> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const b = await connectBackbone({
      url,
      nkey: users.admin.nkeySeed,
      provisioner: true,
      name: 'pizzapi-doctor',
      signal,
    });
    try {
      return [await checkStreams(b), await checkWrites(b), await checkAuthenticator(b)];
    } finally {
      await b.close();
    }
  } catch (thrown) {
    const { code, message } = toErrorInfo(thrown);
    return [fail('streams', code, message)];
  }
}

async function checkStreams(b: Backbone): Promise<Finding> {
  try {
    await verifyProvisioned(b);
    return ok('streams', 'All streams and buckets match');
  } catch (thrown) {
    const { code, message } = toErrorInfo(thrown);
    return fail('streams', code, message);
  }
}

/** Checks with a real write whether nats-server stores messages. */
async function checkWrites(b: Backbone): Promise<Finding> {
  const outcome = await probeWrites(b);
  if (outcome === 'stored') return ok('writes', 'nats-server stores messages');
  if (outcome === 'unreachable') return fail('writes', 'nats-server does not answer', START);
  return fail('writes', 'nats-server stores nothing: its disk is full or fails', ERRORS.disk_full.hint);
}

/** Checks the authenticator. Without it no runner can connect; connected runners stay connected. */
async function checkAuthenticator(b: Backbone): Promise<Finding> {
  const question = encode({ verb: 'has_result', commandId: 'doctor' });
  const { kind } = await requestRpc(b, hostApiSubjects.session('doctor'), question, { timeoutMs: ANSWER_MS });
  if (kind === 'ok') return ok('authenticator', 'It answers');
  const what = kind === 'timeout' ? 'It does not answer in time' : 'Not connected: no runner can sign in';
  return fail('authenticator', what, `${START} Read its log.`);
}

/** The version that a nats-server announces to every client before the login. */
function natsVersion(url: string): Promise<string | undefined> {
  const [first = ''] = splitAddresses(url);
  if (!URL.canParse(first)) return Promise.resolve(undefined);
  const { hostname, port } = new URL(first);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 4222), timeout: ANSWER_MS });
    let text = '';
    const done = (version: string | undefined) => {
      socket.destroy();
      resolve(version);
    };
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\r\n')) done(/^INFO .*"version":"([^"]+)"/.exec(text)?.[1]);
    });
    for (const event of ['error', 'timeout', 'close'] as const) socket.on(event, () => done(undefined));
  });
}

interface Answer {
  ok: boolean;
  text: string;
  /** What is wrong with its certificate. */
  problem?: ReturnType<typeof certificateProblem>;
}

/** Returns the response of a server, undefined for none. */
async function answer(url: string): Promise<Answer | undefined> {
  try {
    const response = await outboundFetch(url, { signal: AbortSignal.timeout(READY_MS) });
    return { ok: response.ok, text: (await response.text()).slice(0, 200) };
  } catch (thrown) {
    const problem = certificateProblem(url, thrown);
    return problem && { ok: false, text: '', problem };
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
