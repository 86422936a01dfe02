import { join } from 'node:path';
import { stringAt } from '@pizzapi/protocol';
import { readJsonMap, writePrivateJson } from './privateFile.js';

/** The token that `pizzapi runner pair` stored for the runner of this home. */
export interface RunnerToken {
  /** `pzr_…` */
  token: string;
  /** The address of nats-server for the runner; undefined when the gateway sent none. */
  natsUrl: string | undefined;
  /** The gateway that issued the token. */
  relayUrl: string;
}

/** `<home>/runner/token.json`: `{ token, natsUrl?, relayUrl }`. Only its owner can read it. */
export function runnerTokenFile(home: string): string {
  return join(home, 'runner', 'token.json');
}

/** Returns the token of this home's runner, or undefined when the runner was never paired. */
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
