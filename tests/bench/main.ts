import { processContext, requireNatsServer } from '@pizzapi/nats-server';
import { accounts } from './benches/accounts.js';
import { append } from './benches/append.js';
import { bytes } from './benches/bytes.js';
import { cluster } from './benches/cluster.js';
import { fanout } from './benches/fanout.js';
import { files } from './benches/files.js';
import { latency } from './benches/latency.js';
import { memory } from './benches/memory.js';
import { rebuild } from './benches/rebuild.js';
import { reconnect } from './benches/reconnect.js';
import { replay } from './benches/replay.js';
import { scale } from './benches/scale.js';
import { sidebar } from './benches/sidebar.js';
import { spawn } from './benches/spawn.js';
import { terminal } from './benches/terminal.js';
import { transcript } from './benches/transcript.js';
import { CannotRun, type Bench } from './harness/bench.js';
import { nowMs } from './harness/clock.js';
import { Report } from './harness/report.js';

const BENCHES: readonly Bench[] = [
  fanout,
  latency,
  append,
  accounts,
  replay,
  reconnect,
  memory,
  spawn,
  transcript,
  terminal,
  bytes,
  rebuild,
  scale,
  sidebar,
  cluster,
  files,
];
/** The maximum duration of a bench, in ms, where the bench names none. */
const LIMIT_MS = 240_000;

function usage(): string {
  const lines = BENCHES.map(({ name, title }) => `  ${name.padEnd(12)}${title}`);
  return `usage: npm run bench -- [name…] [--quick] [--profile] [--case=<text>]\n\n${lines.join('\n')}\n`;
}

/** Runs one bench and then its cleanups, also after an error. */
async function runOne(
  bench: Bench,
  { quick, only }: { quick: boolean; only: string },
  report: Report,
): Promise<boolean> {
  const undo: (() => Promise<void> | void)[] = [];
  const from = nowMs();
  report.progress(`${bench.name}: ${bench.title}`);
  let timer: NodeJS.Timeout | undefined;
  const { limitMs = LIMIT_MS } = bench;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${limitMs / 1_000} s`)), limitMs);
  });
  const context = { quick, only, report, defer: (step: () => Promise<void> | void) => void undo.push(step) };
  try {
    await Promise.race([bench.run(context), late]);
    report.progress(`${bench.name}: done in ${((nowMs() - from) / 1_000).toFixed(1)} s`);
    return true;
  } catch (error) {
    const why =
      error instanceof CannotRun ? error.message : error instanceof Error ? (error.stack ?? '') : String(error);
    process.stdout.write(`${bench.name.padEnd(10)} cannot run: ${why}\n`);
    report.notRun(bench.name, why.split('\n')[0]!);
    return error instanceof CannotRun;
  } finally {
    clearTimeout(timer);
    for (const step of undo.reverse()) await Promise.resolve(step()).catch(() => undefined);
  }
}

const args = process.argv.slice(2);
const names = args.filter((arg) => !arg.startsWith('-'));
const CASE = '--case=';
const only = args.find((arg) => arg.startsWith(CASE))?.slice(CASE.length) ?? '';
const unknown = [
  ...names.filter((name) => !BENCHES.some((bench) => bench.name === name)),
  ...args.filter((arg) => arg.startsWith('-') && !arg.startsWith(CASE) && !['--quick', '--profile'].includes(arg)),
];
if (unknown.length > 0) {
  process.stderr.write(args.includes('--help') ? usage() : `There is no "${unknown[0]}".\n${usage()}`);
  process.exit(args.includes('--help') ? 0 : 1);
}

const quick = args.includes('--quick');
const startedAt = Date.now();
const { version } = await requireNatsServer(processContext((line) => void process.stderr.write(`bench: ${line}\n`)));
const report = new Report(version, quick);
let failed = 0;
for (const bench of BENCHES) {
  if (names.length > 0 && !names.includes(bench.name)) continue;
  if (!(await runOne(bench, { quick, only }, report))) failed++;
}
report.finish(startedAt);
process.exit(failed > 0 ? 1 : 0);
