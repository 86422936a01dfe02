import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import { reasonOf, mustRun, toolRunner, type RunTool } from './runTool.js';
import type { ServiceManager, ServiceStatus } from './serviceManager.js';
import type { ServiceSpec } from './serviceSpec.js';
import { systemdUnit, UNIT } from './systemdUnit.js';
import { writeUnit } from './writeUnit.js';

const LOG_LINES = '10';
const PROPERTIES = ['LoadState', 'ActiveState', 'UnitFileState', 'MainPID', 'ActiveEnterTimestamp', 'NRestarts'];

/** The systemd of this account. Throws `no_service_manager` when it cannot be reached. */
export async function openSystemd(given: NodeJS.ProcessEnv, home: string, uid: number): Promise<ServiceManager> {
  const env = environmentFor(given, uid);
  const run = toolRunner(env);
  const answer = await run('systemctl', '--user', 'show', '--property=Version');
  if (answer.code !== 0)
    throw new CodedError('no_service_manager', `systemd does not run for this account (${reasonOf(answer)})`);
  const file = join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'systemd', 'user', UNIT);
  return new Systemd(run, file);
}

/** A login by `su` or `ssh` without a session does not name the folder of the bus; and times are to be read. */
function environmentFor(env: NodeJS.ProcessEnv, uid: number): NodeJS.ProcessEnv {
  const folder = `/run/user/${uid}`;
  const runtime = env['XDG_RUNTIME_DIR'] || (existsSync(folder) ? folder : undefined);
  return { ...env, TZ: 'UTC', LC_ALL: 'C', ...(runtime === undefined ? {} : { XDG_RUNTIME_DIR: runtime }) };
}

class Systemd implements ServiceManager {
  constructor(
    private readonly run: RunTool,
    private readonly file: string,
  ) {}

  async install(spec: ServiceSpec): Promise<string[]> {
    await writeUnit(this.file, systemdUnit(spec));
    await mustRun(this.run, 'systemctl', '--user', 'daemon-reload');
    await mustRun(this.run, 'systemctl', '--user', 'enable', UNIT);
    await mustRun(this.run, 'systemctl', '--user', 'restart', UNIT);
    // Without it the account's systemd starts with its first login and ends with its last.
    const lingering = await this.run('loginctl', 'enable-linger');
    if (lingering.code === 0) return [];
    const why = reasonOf(lingering);
    return [`It runs only while you are signed in (${why}). Run once: sudo loginctl enable-linger "$USER"`];
  }

  async uninstall(): Promise<boolean> {
    const { installed } = await this.status();
    if (!installed) return false;
    // A unit whose file is gone can still run.
    await this.run('systemctl', '--user', 'disable', UNIT);
    await mustRun(this.run, 'systemctl', '--user', 'stop', UNIT);
    await rm(this.file, { force: true });
    await mustRun(this.run, 'systemctl', '--user', 'daemon-reload');
    return true;
  }

  async stop(): Promise<boolean> {
    if (!(await this.status()).running) return false;
    await mustRun(this.run, 'systemctl', '--user', 'stop', UNIT);
    return true;
  }

  logProgram(follow: boolean): [string, ...string[]] {
    const how = follow ? ['--follow'] : ['--no-pager'];
    return ['journalctl', '--user', `--unit=${UNIT}`, '--output=cat', ...how];
  }

  async status(): Promise<ServiceStatus> {
    const shown = await mustRun(this.run, 'systemctl', '--user', 'show', UNIT, `--property=${PROPERTIES.join(',')}`);
    const value = propertiesOf(shown.stdout);
    const running = value('ActiveState') === 'active';
    const installed = existsSync(this.file) || value('LoadState') === 'loaded';
    const pid = Number(value('MainPID'));
    const restarts = value('NRestarts');
    const logs = installed
      ? await this.run('journalctl', '--user', `--unit=${UNIT}`, `--lines=${LOG_LINES}`, '--no-pager', '--output=cat')
      : undefined;
    return {
      ...{ manager: 'systemd', file: this.file, installed, running, enabled: value('UnitFileState') === 'enabled' },
      pid: pid > 0 ? pid : null,
      since: running ? timeOf(value('ActiveEnterTimestamp')) : null,
      restarts: restarts === '' ? null : Number(restarts),
      log: logs?.code === 0 ? logs.stdout.split('\n').filter((line) => line !== '') : [],
      logCommand: `journalctl --user --unit=${UNIT}`,
    };
  }
}

/** Reads lines `Name=value`. */
function propertiesOf(text: string): (name: string) => string {
  const pairs = text.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  const values = new Map(pairs.map(([name, value]) => [name, value] as const));
  return (name) => values.get(name) ?? '';
}

/** Reads `Sun 2026-11-29 17:29:06 UTC`. */
function timeOf(text: string): number | null {
  const time = Date.parse(text.replace(/^[A-Za-z]+ /, ''));
  return Number.isNaN(time) ? null : time;
}
