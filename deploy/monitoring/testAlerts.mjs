import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Checks the alert rules and runs their unit tests with promtool, of Prometheus. */
const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const CACHED = join(homedir(), '.cache', 'pizzapi-tests', 'bin', 'promtool');
const promtool = process.env.PROMTOOL ?? (existsSync(CACHED) ? CACHED : 'promtool');

const run = (...args) => spawnSync(promtool, args, { cwd: FOLDER, stdio: 'inherit' });

const version = spawnSync(promtool, ['--version'], { encoding: 'utf8' });
if (version.error !== undefined) {
  console.error(
    'SKIPPED: the alerts were not tested, because promtool is not installed. It is part of Prometheus. With Go:\n' +
      `  GOBIN=${join('~', '.cache', 'pizzapi-tests', 'bin')} go install github.com/prometheus/prometheus/cmd/promtool@latest\n` +
      'Or name it in PROMTOOL.',
  );
  process.exit(0);
}
for (const args of [
  ['check', 'rules', '../helm/pizzapi/monitoring/alerts.yaml'],
  ['test', 'rules', 'alerts.test.yaml'],
]) {
  const { status } = run(...args);
  if (status !== 0) process.exit(status ?? 1);
}
