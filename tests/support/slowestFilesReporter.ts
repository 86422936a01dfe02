import type { Reporter, TestModule } from 'vitest/node';
import { timingReport, type FileTiming } from './timingReport.js';

/** A run of fewer files, such as one during development, prints no report. */
const MINIMUM_FILES = 10;

/** Prints, after a run, the time of each test project and the slowest test files. */
export default class SlowestFilesReporter implements Reporter {
  readonly #startedAt = new Map<string, number>();
  readonly #timings: FileTiming[] = [];

  onTestModuleQueued(module: TestModule): void {
    this.#startedAt.set(module.id, Date.now());
  }

  onTestModuleEnd(module: TestModule): void {
    const endedAt = Date.now();
    this.#timings.push({
      project: module.project.name,
      file: module.relativeModuleId,
      startedAt: this.#startedAt.get(module.id) ?? endedAt,
      endedAt,
    });
  }

  onTestRunEnd(): void {
    if (this.#timings.length >= MINIMUM_FILES) process.stdout.write(`\n${timingReport(this.#timings)}\n`);
    this.#timings.length = 0;
  }
}
