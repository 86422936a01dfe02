import { lookup } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import { connectBackbone } from '@pizzapi/backbone';
import {
  certificateProblem,
  connectProblem,
  OutboundWebSocket,
  outboundFetch,
  proxyOf,
  shownProxy,
} from '@pizzapi/process/outbound';
import {
  describeError,
  ERRORS,
  isErrorCode,
  isMap,
  runnerPassword,
  toErrorInfo,
  type ErrorCode,
} from '@pizzapi/protocol';
import { readJsonMap } from '@pizzapi/runner/access';
import { fail, ok, warn, type Finding } from './finding.js';

/** How long a step may take, in ms. */
const STEP_MS = 5_000;
/** Of the body of a refusal. */
const MAX_BODY_CHARS = 4_096;

export interface HostLoginFiles {
  token: string | undefined;
  /** `runner/identity.json` of the home. */
  identityFile: string;
}

/**
 * Checks step by step how a runner of this machine reaches nats-server over WebSocket: the host name, the port or the proxy, the
 * certificate, the upgrade at `/nats`, the login. The first step that fails is the last.
 */
export async function checkWay(url: string, login: HostLoginFiles): Promise<Finding[]> {
  const steps = [() => checkName(url), () => checkPort(url), () => checkCertificate(url), () => checkUpgrade(url)];
  const findings: Finding[] = [];
  for (const step of [...steps, () => checkLogin(url, login)]) {
    const finding = await step();
    if (finding === undefined) continue;
    findings.push(finding);
    if (finding.level === 'fail') break;
  }
  return findings;
}

/** A proxy resolves the name itself. */
async function checkName(url: string): Promise<Finding | undefined> {
  const { hostname } = new URL(url);
  if (proxyOf(url) !== undefined || isIP(plain(hostname)) !== 0) return undefined;
  try {
    const { address } = await lookup(hostname);
    return ok('name', `${hostname} is ${address}`);
  } catch (thrown) {
    const { code = '' } = thrown as NodeJS.ErrnoException;
    const todo = 'Check the address of the gateway. Where only a proxy knows it, set HTTPS_PROXY.';
    return fail('name', `The host name ${hostname} cannot be resolved (${code})`, todo);
  }
}

async function checkPort(url: string): Promise<Finding> {
  const proxy = proxyOf(url);
  const at = new URL(proxy ?? url);
  const port = Number(at.port || (/^(https|wss):$/.test(at.protocol) ? 443 : 80));
  const what = proxy === undefined ? `${at.hostname}:${port}` : `The proxy ${shownProxy(proxy)}`;
  const failed = await new Promise<unknown>((resolve) => {
    const socket = connect({ host: plain(at.hostname), port, timeout: STEP_MS });
    const done = (error?: unknown) => {
      socket.destroy();
      resolve(error);
    };
    socket.on('connect', () => done());
    socket.on('error', (error) => done(error));
    socket.on('timeout', () => done(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })));
  });
  if (failed === undefined) return ok(proxy === undefined ? 'port' : 'proxy', `${what} accepts connections`);
  const { code = '' } = failed as NodeJS.ErrnoException;
  return proxy === undefined
    ? fail('port', `${what} accepts no connection (${code})`, 'Check the address, and the firewalls on the way.')
    : fail('proxy', `${what} accepts no connection (${code})`, 'Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.');
}

/** Any answer shows that the certificate is good. */
async function checkCertificate(url: string): Promise<Finding | undefined> {
  const { protocol, host } = new URL(url);
  if (protocol !== 'wss:')
    return proxyOf(url) === undefined && isPrivate(url)
      ? undefined
      : warn('certificate', `${url} is not encrypted`, 'Use an https address of the gateway.');
  try {
    await outboundFetch(`https://${host}/livez`, { signal: AbortSignal.timeout(STEP_MS), redirect: 'manual' });
    return ok('certificate', `The certificate of ${host} is trusted`);
  } catch (thrown) {
    const problem = certificateProblem(url, thrown);
    if (problem !== undefined) return fail('certificate', problem.what, ERRORS[problem.code].hint);
    const { code, message } = connectProblem(`https://${host}`, thrown, 'gateway_unreachable');
    return fail('certificate', `There is no TLS connection (${code})`, message);
  }
}

async function checkUpgrade(url: string): Promise<Finding> {
  const answer = await askUpgrade(url);
  if (answer.kind === 'opened') return ok('nats', `nats-server ${answer.version} answers at ${url}`);
  if (answer.kind === 'refused') {
    const { status, code, message } = answer;
    const what = `${url} answered ${status}${code === undefined ? '' : ` (${code})`}`;
    const proxyHint = 'A proxy in front of the gateway has to pass on WebSockets (the headers Upgrade and Connection).';
    return fail('nats', what, message ?? (status === 404 ? ERRORS.nats_not_served.hint : proxyHint));
  }
  const { what, code } = connectProblem(url, answer.error, 'nats_unreachable');
  return fail('nats', what, ERRORS[code].hint);
}

type UpgradeAnswer =
  | { kind: 'opened'; version: string }
  | { kind: 'refused'; status: number; code: ErrorCode | undefined; message: string | undefined }
  | { kind: 'failed'; error: unknown };

/** Opens the WebSocket and reads what a nats-server announces to every client before the login. */
function askUpgrade(url: string): Promise<UpgradeAnswer> {
  return new Promise((resolve) => {
    const ws = new OutboundWebSocket(url, [], { handshakeTimeout: STEP_MS });
    const timer = setTimeout(() => done({ kind: 'failed', error: new Error('nats-server says nothing') }), STEP_MS);
    const done = (answer: UpgradeAnswer) => {
      clearTimeout(timer);
      resolve(answer);
      ws.terminate();
    };
    ws.on('error', (error) => done({ kind: 'failed', error }));
    ws.on('message', (data: Buffer) => {
      const version = /^INFO .*"version":"([^"]+)"/.exec(data.toString())?.[1];
      done(
        version === undefined
          ? { kind: 'failed', error: new Error('It is no nats-server') }
          : { kind: 'opened', version },
      );
    });
    ws.on('unexpected-response', (_request, answer) => {
      let body = '';
      answer.on('data', (data: Buffer) => (body = (body + data.toString()).slice(0, MAX_BODY_CHARS)));
      answer.on('close', () => done({ kind: 'refused', status: answer.statusCode ?? 0, ...errorIn(body) }));
    });
  });
}

function errorIn(body: string): { code: ErrorCode | undefined; message: string | undefined } {
  const none = { code: undefined, message: undefined };
  try {
    const parsed: unknown = JSON.parse(body);
    const error = isMap(parsed) ? parsed['error'] : undefined;
    if (!isMap(error) || !isErrorCode(error['code'])) return none;
    const { code, message } = error;
    return { code, message: typeof message === 'string' ? message : describeError(code) };
  } catch {
    return none;
  }
}

async function checkLogin(url: string, { token, identityFile }: HostLoginFiles): Promise<Finding | undefined> {
  if (token === undefined) return undefined;
  const identity = readJsonMap(identityFile);
  const [rid, secret] = [identity?.['runnerId'], identity?.['runnerSecret']];
  // A login under another id would register a runner that nobody started.
  if (typeof rid !== 'string' || typeof secret !== 'string') return undefined;
  try {
    const b = await connectBackbone({
      ...{ url, name: 'pizzapi-doctor', host: { kind: 'runner', rid }, password: runnerPassword(token, secret) },
      signal: AbortSignal.timeout(STEP_MS),
    });
    await b.close();
    return ok('login', `nats-server accepts the token of the runner ${rid}`);
  } catch (thrown) {
    const { code, message } = toErrorInfo(thrown);
    if (code === 'nats_unauthorized')
      return fail('login', `nats-server refused the token of the runner ${rid}`, ERRORS.runner_refused.hint);
    return fail('login', `The login failed (${code})`, message);
  }
}

const plain = (hostname: string): string => hostname.replace(/^\[|\]$/g, '');

/** An address of this machine needs no encryption. */
function isPrivate(url: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
}
