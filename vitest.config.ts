import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { findChromium } from './tests/support/browser.js';
import { piAliases, TESTED_PI } from './tests/support/testedPi.js';

const conditions = ['@pizzapi/source', 'module', 'node', 'development|production'];

/** Time limit of `expect.poll`. The default of one second is too short on a busy machine. */
const expecting = { poll: { timeout: 20_000 } };

/** The terminal client always draws with the library of the bundled pi. */
const WITH_BUNDLED_PI_ONLY = piAliases.length > 0 ? ['clients/runner/src/pi/terminal/**'] : [];

const NOT_OURS = ['**/dist/**', '**/node_modules/**'];

/** One project for each kind of test: `vitest run --project pure` takes seconds. */
const project = (name: string, include: string[], options: object = {}) => ({
  resolve: { conditions, alias: piAliases },
  ssr: { resolve: { conditions } },
  test: {
    name,
    include,
    exclude: [...NOT_OURS, ...WITH_BUNDLED_PI_ONLY],
    environment: 'node' as const,
    // A worker that is started ahead costs as much processor time as one that is used.
    env: { PIZZAPI_PI: TESTED_PI, PIZZAPI_WARM_WORKER: 'off' },
    // Loading our packages for each file anew took longer than most files.
    isolate: false,
    expect: expecting,
    ...options,
  },
});

/**
 * Tests with processes, of which some are `pure`, share a machine with other work in CI. There a test that fails runs once more, and what passed only
 * then is listed at the end of the run.
 */
const retry = process.env['CI'] === undefined ? 0 : 1;

const slow = { testTimeout: 60_000, hookTimeout: 60_000, retry };
const whole = { testTimeout: 180_000, hookTimeout: 120_000, retry };
/** Tests of the test helpers. */
const HELPERS = 'tests/{support,style}/**/*.test.ts';
/** Tests that compare response times run alone. */
const TIMED = ['tests/security/{isolation,logins}.test.ts'];

/** Processes that are killed, disks that fill, and what people try on purpose. */
const ROBUSTNESS = [
  'tests/{faults,security}/**/*.test.ts',
  'clients/runner/src/daemon/{ended,faults,opening,sleep}.nats.test.ts',
  'clients/runner/src/pi/linked/linked.nats.test.ts',
];

/** The programs that people run in a terminal: the terminal client, pi with `/share`, pi with our package, imports. */
const TERMINAL = ['tests/{attach,terminal,import,piFiles,piPackage,share,e2e/share}.test.ts'];

/** Tests that need several nats-servers, a proxy, or a host that is installed from the package of the relay. */
const CLUSTER = [
  'tests/cluster/**/*.test.ts',
  'tests/{anywhere,install,publicPath}.test.ts',
  'tests/host/story.test.ts',
  '{schemas,services,deploy}/*/src/**/cluster*.nats.test.ts',
];

/** Every view of the page in Chromium, on a scripted gateway. */
const PAGE = ['clients/dashboard/src/**/*.browser.test.ts'];
const WITHOUT_BROWSER = findChromium() === undefined ? PAGE : [];

/** The longest files. They start first: one that started last would run alone at the end. */
const LONG =
  /tests\/((share|attach|import|terminal|linked|piFiles|host\/story)\.test|faults\/|cluster\/|e2e\/|security\/(guestRights|slowConnections|storage|loginLimits|guestLinkEnd))|(readOnlyScripts|readSandbox|faults\.nats|linked\.nats|opening\.nats|\.browser)\.test/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => Number(LONG.test(moduleId));
    return (await super.sort(files)).sort((a, b) => isLong(b) - isLong(a));
  }
}

export default defineConfig({
  test: {
    // Most tests wait for processes: more workers than cores use both cores.
    maxWorkers: 3,
    sequence: { sequencer: LongFirst },
    reporters: ['default', './tests/support/slowestFilesReporter.ts', './tests/support/flakyTestsReporter.ts'],
    projects: [
      project(
        'pure',
        [
          '{schemas,services,clients}/*/src/**/!(*.nats|*.browser).test.ts',
          'deploy/*/**/!(*.nats|*.browser).test.ts',
          HELPERS,
        ],
        { testTimeout: 30_000, hookTimeout: 30_000, retry },
      ),
      project('nats', ['{schemas,services,clients}/*/src/**/*.nats.test.ts', 'deploy/*/**/*.nats.test.ts'], {
        ...slow,
        exclude: [...CLUSTER, ...ROBUSTNESS, ...NOT_OURS],
      }),
      project('system', ['tests/**/*.test.ts'], {
        ...whole,
        exclude: [...ROBUSTNESS, ...CLUSTER, ...TERMINAL, HELPERS, ...NOT_OURS],
        globalSetup: './tests/support/testRun.ts',
        // These tests start all processes, after the smaller tests.
        sequence: { groupOrder: 1 },
      }),
      project('page', PAGE, {
        ...whole,
        exclude: [...WITHOUT_BROWSER, ...NOT_OURS],
        globalSetup: './tests/support/testRun.ts',
        sequence: { groupOrder: 2 },
      }),
      project('terminal', TERMINAL, {
        ...whole,
        globalSetup: './tests/support/testRun.ts',
        sequence: { groupOrder: 3 },
      }),
      project('cluster', CLUSTER, {
        ...whole,
        globalSetup: './tests/support/testRun.ts',
        sequence: { groupOrder: 5 },
        // Each of these files starts up to twenty processes.
        maxWorkers: 2,
      }),
      project('robustness', ROBUSTNESS, {
        ...whole,
        exclude: [...TIMED, ...NOT_OURS],
        globalSetup: './tests/support/testRun.ts',
        sequence: { groupOrder: 4 },
      }),
      project('timed', TIMED, { ...whole, fileParallelism: false, sequence: { groupOrder: 6 } }),
    ],
  },
});
