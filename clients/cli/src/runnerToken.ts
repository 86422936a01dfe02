import { join } from 'node:path';
import { stringAt } from '@pizzapi/protocol';
import { readJsonMap, writePrivateJson } from './privateFile.js';

/** What `pizzapi runner pair` has got for the runner of this home. */
export interface RunnerToken {
  /** `pzr_…` */
  token: string;
  /** Where the runner finds nats-server; undefined when the gateway did not say. */
  natsUrl: string | undefined;
  /** The gateway that gave the token. */
  relayUrl: string;
}

/** `<home>/runner/token.json`: `{ token, natsUrl?, relayUrl }`. Its owner alone can read it. */
export function runnerTokenFile(home: string): string {
  return join(home, 'runner', 'token.json');
}

/** The token of this home's runner, or undefined when it was never paired. */
export function readRunnerToken(home: string): RunnerToken | undefined {
  const file = readJsonMap(runnerTokenFile(home)) ?? {};
  const token = stringAt(file, 'token');
  const relayUrl = stringAt(file, 'relayUrl');
  if (token === undefined || relayUrl === undefined) return undefined;
  return { token, relayUrl, natsUrl: stringAt(file, 'natsUrl') };
}

export function writeRunnerToken(home: string, token: RunnerToken): void {
  writePrivateJson(runnerTokenFile(home), token);
}
