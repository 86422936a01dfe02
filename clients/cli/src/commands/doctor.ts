import type { Command } from 'commander';
import { addOptions, homeLayout, OPTIONS, readOptions } from '@pizzapi/process';
import { isWebSocketAddress, splitAddresses } from '@pizzapi/protocol';
import { hostAccess } from '@pizzapi/runner/access';
import type { Finding } from '../doctor/finding.js';
import { GATEWAY_OPTIONS, gatewayOf, readNatsAccess } from '../home.js';
import { EXIT, jsonLine, line, paint, toSafeLine, type Io } from '../io.js';
import { examples, type CliContext } from '../context.js';

export function addDoctor(program: Command, context: CliContext): void {
  addOptions(program.command('doctor'), { ...GATEWAY_OPTIONS, pi: OPTIONS.pi })
    .description('Check the installation, connections and file modes, and print what to do')
    .option('--json', 'Print one line of JSON: { ok, checks: [{ check, level, text, todo? }] }')
    .addHelpText(
      'after',
      `${examples('pizzapi doctor', 'pizzapi doctor --json')}\n\nThe exit code is 1 when a check failed.`,
    )
    .action(async (flags: Record<string, unknown>) => {
      const { io } = context;
      const findings = await examine(flags, io);
      const healthy = findings.every(({ level }) => level !== 'fail');
      if (flags['json'] === true) line(io.stdout, jsonLine({ ok: healthy, checks: findings }));
      else for (const finding of findings) line(io.stdout, findingLine(finding, io));
      context.exitCode = healthy ? EXIT.ok : EXIT.failed;
    });
}

async function examine(flags: Record<string, unknown>, io: Io): Promise<Finding[]> {
  // Loaded on demand: the backbone is a large module, and other commands do not need it.
  const [machine, running, { checkWay }, { piFindings }, { findPi }] = await Promise.all([
    import('../doctor/machine.js'),
    import('../doctor/running.js'),
    import('../doctor/way.js'),
    import('../doctor/pi.js'),
    import('@pizzapi/runner/installation'),
  ]);
  const gateway = gatewayOf(flags, io);
  const { home } = gateway;
  const access = readNatsAccess(home);
  const host = hostAccess({ ...io.env, PIZZAPI_HOME: home });
  const natsUrl = host?.natsUrl ?? readOptions({ natsUrl: OPTIONS.natsUrl }, {}, io.env).natsUrl;
  const isBehindGateway = isWebSocketAddress(natsUrl);
  const { pi } = readOptions({ pi: OPTIONS.pi }, flags, io.env);
  const [piSearch, natsServer, reads, disk, nats, answers] = await Promise.all([
    findPi({ pi, survey: true }, io.env),
    machine.checkNatsServer(io.env),
    machine.checkReads(io.env),
    machine.checkDisk(home),
    access === undefined && isBehindGateway ? [] : running.checkNats(access, natsUrl),
    running.checkGateway(gateway),
  ]);
  // After the others: one process has connections of one kind at a time.
  const way = isBehindGateway
    ? await checkWay(splitAddresses(natsUrl)[0] ?? natsUrl, {
        token: host?.token,
        identityFile: homeLayout(home).runnerIdentityFile,
      })
    : [];
  return [
    machine.checkNode(process.version),
    natsServer,
    ...piFindings(piSearch),
    machine.checkPi(io.env),
    machine.checkChromium(io.env),
    reads,
    disk,
    ...machine.checkSecrets(home),
    running.checkLocalRun(home),
    ...nats,
    ...way,
    ...answers,
  ];
}

const STYLES = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

function findingLine({ check, level, text, todo }: Finding, io: Pick<Io, 'colour'>): string {
  const head = `${paint(io, STYLES[level], level.padEnd(4))}  ${check.padEnd(13)}  `;
  const advice = todo === undefined ? '' : `\n${' '.repeat(21)}${paint(io, 'dim', `→ ${toSafeLine(todo)}`)}`;
  return `${head}${toSafeLine(text)}${advice}`;
}
