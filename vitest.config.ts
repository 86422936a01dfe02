import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const conditions = ['@pizzapi/source', 'module', 'node', 'development|production'];

/** What is waited for may take its time on a busy machine: the default is a second. */
const expecting = { poll: { timeout: 20_000 } };

/** One project a kind of test, so that `vitest run --project pure` stays a matter of seconds. */
const project = (name: string, include: string[], options: object = {}) => ({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name,
    include,
    exclude: ['**/dist/**', '**/node_modules/**'],
    environment: 'node' as const,
    expect: expecting,
    ...options,
  },
});

const slow = { testTimeout: 60_000, hookTimeout: 60_000 };
const whole = { testTimeout: 180_000, hookTimeout: 120_000 };
/** What compares how long answers take wants no neighbours. */
const TIMED = ['tests/security/{isolation,logins}.test.ts'];

/** A minute of waiting, most of it: begun last, it would be waited for by itself. */
const LONG = /faults\/cutoff\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => Number(LONG.test(moduleId));
    return (await super.sort(files)).sort((a, b) => isLong(b) - isLong(a));
  }
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    reporters: ['default'],
    projects: [
      project(
        'pure',
        ['{schemas,services,clients}/*/src/**/!(*.nats|*.browser).test.ts', 'deploy/*/**/!(*.nats|*.browser).test.ts'],
        { testTimeout: 30_000 },
      ),
      project('nats', ['{schemas,services,clients}/*/src/**/*.nats.test.ts', 'deploy/*/**/*.nats.test.ts'], slow),
      project('system', ['tests/**/*.test.ts', 'clients/*/src/**/*.browser.test.ts'], {
        ...whole,
        exclude: [...TIMED, '**/dist/**', '**/node_modules/**'],
        // After the others: these start everything there is.
        sequence: { groupOrder: 1 },
      }),
      project('timed', TIMED, { ...whole, fileParallelism: false, sequence: { groupOrder: 2 } }),
    ],
  },
});
