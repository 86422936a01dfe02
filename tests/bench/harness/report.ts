import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CORES } from './cpu.js';

const FILE = fileURLToPath(new URL('../../../../test-output/bench.json', import.meta.url));
/** The number of runs that the file keeps. */
const KEPT_RUNS = 50;

/** One line of a bench: what was run, and the results. */
export interface Run {
  bench: string;
  what: string;
  figures: Record<string, number | string>;
}

/** A figure that has a target. */
export interface Reached {
  bench: string;
  figure: string;
  unit: string;
  target: { most: number } | { least: number };
  reached: number;
}

/**
 * The report of a run: a line for each result on stdout, progress on stderr, a table at the end, and all of it in a
 * file.
 */
export class Report {
  private readonly runs: Run[] = [];
  private readonly reached: Reached[] = [];
  private readonly skipped: { bench: string; why: string }[] = [];

  /** The load of the machine before the benches started. */
  private readonly load = loadavg()[0] ?? 0;

  constructor(
    private readonly nats: string,
    private readonly quick: boolean,
  ) {}

  /** Reports one run. Rates and times are printed unchanged; their names hold the units. */
  run(bench: string, what: string, figures: Record<string, number | string>): void {
    this.runs.push({ bench, what, figures });
    const text = Object.entries(figures).map(
      ([name, value]) => `${name} ${typeof value === 'number' ? show(value) : value}`,
    );
    process.stdout.write(`${bench.padEnd(10)} ${what}: ${text.join(', ')}\n`);
  }

  reach(figure: Reached): void {
    this.reached.push(figure);
  }

  /** A bench without figures, and the reason. */
  notRun(bench: string, why: string): void {
    this.skipped.push({ bench, why });
  }

  progress(text: string): void {
    process.stderr.write(`bench: ${text}\n`);
  }

  /** Prints the table and appends everything to the file. */
  finish(startedAt: number): void {
    const rows = [
      ...this.reached.map(({ bench, figure, unit, target, reached }) => [
        bench,
        figure,
        `${show(reached)} ${unit}`,
        'most' in target ? `≤ ${show(target.most)}` : `≥ ${show(target.least)}`,
        met(target, reached) ? 'ok' : 'MISS',
      ]),
      ...this.skipped.map(({ bench, why }) => [bench, why, '', '', 'not run']),
    ];
    const table = [['bench', 'figure', 'reached', 'target', ''], ...rows];
    const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
    process.stdout.write('\n');
    for (const row of table) {
      process.stdout.write(
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
      );
    }
    if (this.load > cpus().length / 2) {
      process.stdout.write(
        `\nThe machine was busy before (load ${show(this.load)}): times say little, CPU figures and ratios more.\n`,
      );
    }
    const { model } = cpus()[0] ?? { model: 'unknown' };
    const machine = {
      cpus: cpus().length,
      model,
      memory: totalmem(),
      platform: process.platform,
      pinned: CORES !== undefined,
      load: this.load,
    };
    const at = new Date(startedAt).toISOString();
    const entry = {
      at,
      quick: this.quick,
      machine,
      node: process.version,
      nats: this.nats,
      runs: this.runs,
      reached: this.reached,
      notRun: this.skipped,
    };
    mkdirSync(dirname(FILE), { recursive: true });
    writeFileSync(FILE, `${JSON.stringify([...earlier(), entry].slice(-KEPT_RUNS), null, 1)}\n`);
    this.progress(`figures are in ${relative(process.cwd(), FILE)}`);
  }
}

function met(target: Reached['target'], reached: number): boolean {
  return 'most' in target ? reached <= target.most : reached >= target.least;
}

function earlier(): unknown[] {
  try {
    const parsed: unknown = JSON.parse(readFileSync(FILE, 'utf8'));
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

/** Formats a number with three significant digits, and whole thousands with separators. */
export function show(value: number): string {
  if (!Number.isFinite(value)) return 'unknown';
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}
