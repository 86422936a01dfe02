import { homeLayout, type RunnerPairing } from '@pizzapi/process';
import { writePrivateJson } from './privateFile.js';

export { readRunnerToken } from '@pizzapi/runner/access';

export function writeRunnerToken(home: string, pairing: RunnerPairing): void {
  writePrivateJson(homeLayout(home).runnerTokenFile, pairing);
}
