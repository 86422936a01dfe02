import { errorInfo, runnerLabels, type RunnerInfo } from '@pizzapi/protocol';
import { Failure, toSafeLine } from './io.js';

/** The minimum number of characters of an id that name a runner. */
const MIN_PREFIX = 4;

/** Returns the runner with this id, label, name or unique beginning of an id. Fails with the list of candidates. */
export function findRunner(runners: readonly RunnerInfo[], named: string): RunnerInfo {
  return only(matching(runners, runners, named), runners, `No runner is called "${toSafeLine(named, 80)}"`, named);
}

/** Returns the named runner, or the only one, for a new session. Fails with the list of runners to choose from. */
export function chooseRunner(runners: readonly RunnerInfo[], named: string | undefined): RunnerInfo {
  // A terminal shares the session that it shows, and cannot start others.
  const online = runners.filter((runner) => runner.online === true && runner.kind === 'daemon');
  const [first, ...others] = online;
  if (first === undefined) throw new Failure(errorInfo('runner_not_found', 'No runner is online'));
  if (named !== undefined) {
    const missing = `No runner "${toSafeLine(named, 80)}" is online`;
    return only(matching(online, runners, named), online, missing, named);
  }
  if (others.length === 0) return first;
  const message = `Several runners are online. Name one with --runner: ${listOf(online)}.`;
  throw new Failure({ code: 'runner_ambiguous', message });
}

/** Returns the runners of the first rule that one fits. The labels are those that the page shows. */
function matching(among: readonly RunnerInfo[], all: readonly RunnerInfo[], named: string): RunnerInfo[] {
  const labels = runnerLabels(all);
  const rules: ((runner: RunnerInfo) => boolean)[] = [
    ({ runnerId }) => runnerId === named,
    ({ name }) => name === named,
    ({ runnerId }) => labels.get(runnerId) === named,
    ({ runnerId }) => named.length >= MIN_PREFIX && runnerId.startsWith(named),
  ];
  return rules.map((rule) => among.filter(rule)).find(({ length }) => length > 0) ?? [];
}

function only(fitting: readonly RunnerInfo[], all: readonly RunnerInfo[], missing: string, named: string): RunnerInfo {
  const [first, ...others] = fitting;
  if (first === undefined) {
    const there = all.length === 0 ? '' : ` There are: ${listOf(all)}.`;
    throw new Failure({ code: 'runner_not_found', message: `${missing}.${there}` });
  }
  if (others.length === 0) return first;
  const message = `"${toSafeLine(named, 80)}" fits several runners. Name one by its id: ${listOf(fitting)}.`;
  throw new Failure({ code: 'runner_ambiguous', message });
}

/** Returns the runners by name, each with its id: `laptop (laptop_k3j9x2p4)`. */
function listOf(runners: readonly RunnerInfo[]): string {
  return runners.map(({ runnerId, name }) => toSafeLine(name === '' ? runnerId : `${name} (${runnerId})`)).join(', ');
}
