import { rightsOf, RUNNER_RIGHTS, type MethodReply, type RunnerInfo } from '@pizzapi/protocol';
import type { CliContext } from '../context.js';
import { gatewayOf } from '../home.js';
import { EXIT, jsonLine, line, toSafeLine } from '../io.js';
import { findRunner } from '../runnerLookup.js';
import { unwrapResult } from '../unwrapResult.js';

/** Prints what a runner is, and what it answers now. The exit code is 1 when it does not answer. */
export async function remoteStatus(
  named: string,
  flags: Readonly<Record<string, unknown>>,
  context: CliContext,
): Promise<void> {
  const { io } = context;
  const gateway = gatewayOf(flags, io);
  const { runners } = await unwrapResult(gateway, gateway.api.runners());
  const runner = findRunner(runners, named);
  const now = await gateway.api.runnerCall(runner.runnerId, 'status', {});
  context.exitCode = now.kind === 'ok' ? EXIT.ok : EXIT.failed;
  const outcome = now.kind === 'ok' ? { status: now.value } : { error: now.error };
  if (flags['json'] === true) return line(io.stdout, jsonLine({ ...runner, running: now.kind === 'ok', ...outcome }));
  for (const text of statusLines(runner, now.kind === 'ok' ? now.value : undefined)) line(io.stdout, text);
  if (now.kind === 'failed') line(io.stderr, `${now.error.code}: ${toSafeLine(now.error.message)}`);
}

function statusLines(runner: RunnerInfo, status: MethodReply<'status'> | undefined): string[] {
  const { name, runnerId, version, piVersion, platform, allow, warnings, roots } = runner;
  const awake = status?.sessions.filter(({ state }) => state !== 'asleep').length;
  const rights = rightsOf(allow);
  return [
    `runner    ${toSafeLine(name)} (${runnerId})`,
    `state     ${status === undefined ? 'no answer' : `running, process ${status.pid}`}`,
    ...(status?.startedAt === undefined ? [] : [`since     ${new Date(status.startedAt).toISOString()}`]),
    ...(status === undefined ? [] : [`sessions  ${status.sessions.length}, of which ${awake} have a process`]),
    `version   ${toSafeLine(version)}, pi ${toSafeLine(piVersion)}, ${toSafeLine(platform)}`,
    ...roots.map((root, at) => `${at === 0 ? 'roots' : ''}`.padEnd(10) + toSafeLine(root)),
    `allows    ${rights.length === RUNNER_RIGHTS.length ? 'everything' : rights.join(', ') || 'nothing'}`,
    ...warnings.map(({ message }) => `warning   ${toSafeLine(message, 300)}`),
  ];
}
