import { homeLayout, OPTIONS, parseRunnerPairing, readOptions, type RunnerPairing } from '@pizzapi/process';
import { natsUrlOfGateway } from '@pizzapi/protocol';
import { natsUrlFor, RUNNER_OPTIONS } from '../options.js';
import { readLocalState, readNatsAccess } from './gateway.js';
import { readJsonMap } from './jsonFile.js';

const WHERE = { natsUrl: RUNNER_OPTIONS.natsUrl, relayUrl: RUNNER_OPTIONS.relayUrl };

/** Returns what `pizzapi runner pair` received for this home, or undefined when its runner was never paired. */
export function readRunnerToken(home: string): RunnerPairing | undefined {
  return parseRunnerPairing(readJsonMap(homeLayout(home).runnerTokenFile));
}

/** The token with which a runner connects. The other fields are set when they were stored with the token. */
type KeptToken = Pick<RunnerPairing, 'token' | 'natsUrl' | 'name'> & { relayUrl: string | undefined };

/** Returns the access of a host in this process: the token in the environment, the stored token, or none. */
export function hostAccess(env: NodeJS.ProcessEnv): (KeptToken & { natsUrl: string }) | undefined {
  const { token } = readOptions({ token: OPTIONS.runnerToken }, {}, env);
  const found: KeptToken | undefined = token
    ? { token, natsUrl: undefined, relayUrl: undefined }
    : keptToken(homeOf([], env), namesNats([], env));
  const named = natsUrlFor(readOptions(WHERE, {}, env));
  return found && { ...found, natsUrl: (namesNats([], env) ? undefined : found.natsUrl) ?? named };
}

/** Whether the person names a nats-server, or the gateway that leads to it. */
export function namesNats(args: readonly string[], env: NodeJS.ProcessEnv): boolean {
  return Boolean(env['PIZZAPI_NATS_URL']) || args.some((arg) => /^--(nats|relay)-url(=|$)/.test(arg));
}

/**
 * Returns the token that `pizzapi runner pair` stored, or that of the local run, which is never sent to a server that the
 * person names.
 */
export function keptToken(home: string, isNatsNamed: boolean): KeptToken | undefined {
  const paired = readRunnerToken(home);
  if (paired !== undefined) return { ...paired, natsUrl: paired.natsUrl ?? behind(paired.relayUrl) };
  if (isNatsNamed) return undefined;
  const local = readNatsAccess(home);
  return local && { token: local.runnerToken, natsUrl: local.url, relayUrl: readLocalState(home)?.url };
}

const behind = (relayUrl: string): string | undefined =>
  URL.canParse(relayUrl) ? natsUrlOfGateway(relayUrl) : undefined;

/** The home that the arguments or the environment name. */
export function homeOf(args: readonly string[], env: NodeJS.ProcessEnv): string {
  const at = args.findIndex((arg) => arg === '--home' || arg.startsWith('--home='));
  const flags = at < 0 ? {} : { home: args[at] === '--home' ? args[at + 1] : args[at]!.slice('--home='.length) };
  return readOptions({ home: OPTIONS.home }, flags, env).home;
}
