import { toErrorInfo } from '@pizzapi/protocol';
import { parseArgs } from 'node:util';
import { planNatsServer, requireNatsServer } from './obtain.js';
import { processContext, reasonOf } from './source.js';
import type { InstallPlan } from './source.js';

const HELP = `Finds a nats-server, or downloads or builds one, and prints its path.

  --check   print what each source would do, without doing it
  --json    print one line of JSON
  --help    print this help

The search uses the first source that works: PIZZAPI_NATS_SERVER; nats-server on PATH; the cache;
the official release (set PIZZAPI_NATS_RELEASES to use a mirror); the package of Debian or Ubuntu;
go install.
`;

async function main(): Promise<number> {
  const values = readOptions();
  if (typeof values === 'string') {
    process.stderr.write(`${values}\n\n${HELP}`);
    return 2;
  }
  const print = (text: string, value: unknown) =>
    process.stdout.write(values.json === true ? `${JSON.stringify(value)}\n` : text);
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const context = processContext((line) => process.stderr.write(`nats-server: ${line}\n`));
  if (values.check === true) {
    const plans = await planNatsServer(context);
    const used = plans.findIndex(({ plan }) => plan.kind !== 'unavailable');
    const lines = plans.map(
      ({ source, plan }, index) => `${index === used ? '→' : ' '} ${source}: ${describe(plan)}\n`,
    );
    print(lines.join(''), plans);
    return used === -1 ? 1 : 0;
  }
  try {
    const found = await requireNatsServer(context);
    print(`nats-server ${found.version} at ${found.binary} (${found.source})\n`, found);
    return 0;
  } catch (thrown) {
    const error = toErrorInfo(thrown);
    process.stderr.write(`${error.message}\n`);
    if (values.json === true) process.stdout.write(`${JSON.stringify({ error })}\n`);
    return 1;
  }
}

function readOptions(): { check?: boolean; json?: boolean; help?: boolean } | string {
  try {
    return parseArgs({
      options: { check: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch (thrown) {
    return reasonOf(thrown);
  }
}

function describe(plan: InstallPlan): string {
  if (plan.kind === 'ready') return `would use ${plan.binary} (${plan.version})`;
  return plan.kind === 'fetch' ? `would get: ${plan.what}` : `not available: ${plan.why}`;
}

process.exitCode = await main();
