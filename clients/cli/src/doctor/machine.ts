import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { describeFailedSources, planNatsServer, processContext } from '@pizzapi/nats-server';
import { homeLayout } from '@pizzapi/process';
import { compareSemver, formatBytes, isMap } from '@pizzapi/protocol';
import { findReadSandbox } from '@pizzapi/runner/readSandbox';
import { fail, ok, warn, type Finding } from './finding.js';

const OLDEST_NODE = '20.19.0';
/** Free space below which the doctor warns, and below which it reports a failure, in bytes. */
const LITTLE_SPACE = 1024 ** 3;
const NO_SPACE = 200 * 1024 ** 2;
/** What the doctor writes to find out whether there is room for an event. */
const PROBE_BYTES = 1024 ** 2;

export function checkNode(version: string): Finding {
  if (compareSemver(version, OLDEST_NODE) >= 0) return ok('node', `Node ${version}`);
  return fail('node', `Node ${version} is too old`, `Install Node ${OLDEST_NODE} or newer.`);
}

/** Checks which nats-server a local run would use. */
export async function checkNatsServer(env: NodeJS.ProcessEnv): Promise<Finding> {
  const plans = await planNatsServer({ ...processContext(), env });
  const usable = plans.find(({ plan }) => plan.kind !== 'unavailable');
  if (usable === undefined) {
    const failed = plans.map(({ source, plan }) => ({ source, why: plan.kind === 'unavailable' ? plan.why : '' }));
    return fail(
      'nats-server',
      describeFailedSources(failed),
      'Install nats-server 2.11 or newer, or set PIZZAPI_NATS_SERVER.',
    );
  }
  const { plan, source } = usable;
  if (plan.kind === 'ready') return ok('nats-server', `${plan.version} at ${plan.binary} (${source})`);
  return ok('nats-server', `would be fetched (${source}): ${plan.kind === 'fetch' ? plan.what : ''}`);
}

const CHROMIUMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const MAC_CHROME = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

/** Only the browser tests need Chromium. */
export function checkChromium(env: NodeJS.ProcessEnv): Finding {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const onPath = folders.flatMap((folder) => CHROMIUMS.map((name) => join(folder, name)));
  const named = env['PIZZAPI_CHROMIUM'];
  const found = [...(named === undefined ? [] : [named]), ...onPath, MAC_CHROME].find(isProgram);
  if (found !== undefined) return ok('chromium', found);
  return warn('chromium', 'not found; browser tests are skipped', 'Install chromium, or set PIZZAPI_CHROMIUM.');
}

/** Checks whether read-only commands of the agent run in a sandbox, or are only checked by their text. */
export async function checkReads(env: NodeJS.ProcessEnv): Promise<Finding> {
  const sandbox = await findReadSandbox(env);
  if (sandbox.kind === 'enforced') {
    return ok('reads', `Enforced: read-only commands run in a sandbox (${sandbox.program})`);
  }
  const text = `Only checked: read-only commands run without a sandbox, because ${sandbox.why}`;
  if (process.platform !== 'linux') return ok('reads', text);
  return warn('reads', text, 'Install bubblewrap, and allow unprivileged user namespaces.');
}

/** The files that only their owner may read. */
function secretFiles(home: string): string[] {
  const files = homeLayout(home);
  return [
    ...[files.gatewaySecretFile, files.natsAccessFile, files.localStateFile, files.loginFile],
    ...[files.runnerIdentityFile, files.runnerTokenFile],
  ];
}

export function checkSecrets(home: string): Finding[] {
  if (process.platform === 'win32' || !existsSync(home) || !statSync(home).isDirectory()) return [];
  const open = [home, ...secretFiles(home)].filter((path) => existsSync(path) && isOpen(path));
  if (open.length === 0) return [ok('secrets', `Only you can read ${home}`)];
  return open.map((path) => {
    const mode = statSync(path).isDirectory() ? '700' : '600';
    return fail('secrets', `Others on this machine can read ${path}`, `chmod ${mode} ${path}`);
  });
}

export async function checkDisk(home: string): Promise<Finding> {
  const folder = existing(home);
  if (!statSync(folder).isDirectory())
    return fail('home', `${folder} is a file, not a folder`, 'Choose a folder with PIZZAPI_HOME or --home.');
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const text = `${formatBytes(free)} free for ${home}`;
  const todo = 'Make room, or choose another folder with PIZZAPI_HOME.';
  const problem = await writeProblem(folder);
  if (problem !== undefined)
    return fail('disk', `${text}; a write of ${formatBytes(PROBE_BYTES)} failed (${problem})`, todo);
  if (free >= LITTLE_SPACE) return ok('disk', text);
  return free < NO_SPACE ? fail('disk', text, todo) : warn('disk', text, todo);
}

/** Writes a file to the disk and removes it. Returns the code of the error, or undefined. */
async function writeProblem(folder: string): Promise<string | undefined> {
  const file = join(folder, `.doctor-${process.pid}`);
  try {
    await writeFile(file, new Uint8Array(PROBE_BYTES), { flag: 'wx', mode: 0o600, flush: true });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown error';
  } finally {
    await rm(file, { force: true }).catch(() => undefined);
  }
}

/** The environment variables from which pi reads keys, by provider. */
const KEY_VARIABLES: Readonly<Record<string, readonly string[]>> = {
  anthropic: ['ANTHROPIC_API_KEY', 'ANTHROPIC_OAUTH_TOKEN'],
  openai: ['OPENAI_API_KEY'],
  google: ['GEMINI_API_KEY'],
  groq: ['GROQ_API_KEY'],
  xai: ['XAI_API_KEY'],
  openrouter: ['OPENROUTER_API_KEY'],
  mistral: ['MISTRAL_API_KEY'],
  deepseek: ['DEEPSEEK_API_KEY'],
};

/** Checks for pi's configuration and for the providers with a key. Never prints keys. */
export function checkPi(env: NodeJS.ProcessEnv): Finding {
  const folder = env['PI_CODING_AGENT_DIR'] ?? join(homedir(), '.pi', 'agent');
  const stored = [...keysOf(join(folder, 'auth.json')), ...keysOf(join(folder, 'models.json'), 'providers')];
  const named = Object.entries(KEY_VARIABLES).flatMap(([provider, names]) =>
    names.some((name) => env[name]) ? [provider] : [],
  );
  const providers = [...new Set([...stored, ...named])].sort();
  if (providers.length > 0) return ok('pi', `${folder}; keys or endpoints for ${providers.join(', ')}`);
  const todo = 'Set a key such as ANTHROPIC_API_KEY, or sign in with `pi` and /login.';
  return warn('pi', `${folder} has no API key; only the model demo/demo works`, todo);
}

function keysOf(file: string, within?: string): string[] {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const map = within === undefined || !isMap(value) ? value : value[within];
    return isMap(map) ? Object.keys(map) : [];
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isOpen(path: string): boolean {
  return (statSync(path).mode & 0o077) !== 0;
}

function existing(path: string): string {
  return existsSync(path) || path === dirname(path) ? path : existing(dirname(path));
}
