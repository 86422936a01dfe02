import type { Reporter, TestCase } from 'vitest/node';

/** Lists, after a run, the tests that passed only on a second try: each of them waits for too little. */
export default class FlakyTestsReporter implements Reporter {
  readonly #flaky: string[] = [];

  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky === true) this.#flaky.push(`${test.module.relativeModuleId} > ${test.fullName}`);
  }

  onTestRunEnd(): void {
    if (this.#flaky.length > 0)
      process.stdout.write(`\nPassed only on the second try:\n${this.#flaky.map((name) => `  ${name}\n`).join('')}`);
    this.#flaky.length = 0;
  }
}
