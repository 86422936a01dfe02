import { homeLayout, parseRunnerPairing, type RunnerPairing } from '@pizzapi/process';
import { readJsonMap, writePrivateJson } from './privateFile.js';

/** Returns what `pizzapi runner pair` received for this home, or undefined when its runner was never paired. */
export function readRunnerToken(home: string): RunnerPairing | undefined {
  return parseRunnerPairing(readJsonMap(homeLayout(home).runnerTokenFile));
}

export function writeRunnerToken(home: string, pairing: RunnerPairing): void {
  writePrivateJson(homeLayout(home).runnerTokenFile, pairing);
}
