import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import { LABEL, launchdPlist } from './launchdPlist.js';
import { mustRun, reasonOf, toolRunner, type RunTool } from './runTool.js';
import type { ServiceManager, ServiceStatus } from './serviceManager.js';
import type { ServiceSpec } from './serviceSpec.js';
import { writeUnit } from './writeUnit.js';

const LOG_LINES = 10;
/** launchd removes an agent a while after it answers. */
const REMOVAL = { attempts: 40, pauseMs: 250 };

type Sleep = (ms: number) => Promise<unknown>;

/** The launchd of this account. Throws `no_service_manager` when it cannot be reached. */
export async function openLaunchd(
  given: NodeJS.ProcessEnv,
  home: string,
  uid: number,
  sleep: Sleep,
): Promise<ServiceManager> {
  const run = toolRunner({ ...given, TZ: 'UTC', LC_ALL: 'C' });
  const domain = `gui/${uid}`;
  const answer = await run('launchctl', 'print', domain);
  if (answer.code !== 0)
    throw new CodedError(
      'no_service_manager',
      `launchd has no session of your account at the screen of this Mac (${reasonOf(answer)})`,
    );
  const library = join(home, 'Library');
  const file = join(library, 'LaunchAgents', `${LABEL}.plist`);
  return new Launchd(run, domain, file, join(library, 'Logs', 'PizzaPi', 'runner.log'), sleep);
}

class Launchd implements ServiceManager {
  constructor(
    private readonly run: RunTool,
    private readonly domain: string,
    private readonly file: string,
    private readonly logFile: string,
    private readonly sleep: Sleep,
  ) {}

  private get target(): string {
    return `${this.domain}/${LABEL}`;
  }

  async install(spec: ServiceSpec): Promise<string[]> {
    await mkdir(dirname(this.logFile), { recursive: true, mode: 0o700 });
    await writeUnit(this.file, launchdPlist(spec, this.logFile));
    await this.remove();
    await mustRun(this.run, 'launchctl', 'enable', this.target);
    await mustRun(this.run, 'launchctl', 'bootstrap', this.domain, this.file);
    return [];
  }

  async uninstall(): Promise<boolean> {
    const wasLoaded = await this.remove();
    const wasThere = existsSync(this.file);
    await rm(this.file, { force: true });
    return wasLoaded || wasThere;
  }

  stop(): Promise<boolean> {
    return this.remove();
  }

  logProgram(follow: boolean): [string, ...string[]] {
    return follow ? ['tail', '-F', this.logFile] : ['cat', this.logFile];
  }

  async status(): Promise<ServiceStatus> {
    const { code, stdout } = await this.run('launchctl', 'print', this.target);
    const value = (name: string) => new RegExp(`^\\s*${name} = (.*)$`, 'm').exec(stdout)?.[1];
    const pid = Number(value('pid') ?? 0);
    const started = pid > 0 ? await this.run('ps', '-o', 'lstart=', '-p', String(pid)) : undefined;
    const since = started?.code === 0 ? Date.parse(`${started.stdout.trim()} UTC`) : Number.NaN;
    const runs = Number(value('runs') ?? Number.NaN);
    const log = await readFile(this.logFile, 'utf8').catch(() => '');
    return {
      ...{ manager: 'launchd', file: this.file, installed: existsSync(this.file) || code === 0, running: pid > 0 },
      enabled: existsSync(this.file),
      pid: pid > 0 ? pid : null,
      since: Number.isNaN(since) ? null : since,
      restarts: runs > 0 ? runs - 1 : null,
      log: log
        .trimEnd()
        .split('\n')
        .slice(-LOG_LINES)
        .filter((line) => line !== ''),
      logCommand: `tail -F '${this.logFile.replaceAll("'", `'\\''`)}'`,
    };
  }

  /** Returns false when launchd did not have it. */
  private async remove(): Promise<boolean> {
    const asked = await this.run('launchctl', 'bootout', this.target);
    for (let attempt = 0; attempt < REMOVAL.attempts; attempt++) {
      if ((await this.run('launchctl', 'print', this.target)).code !== 0) return asked.code === 0;
      await this.sleep(REMOVAL.pauseMs);
    }
    throw new CodedError('service_failed', `\`launchctl bootout ${this.target}\` failed: ${reasonOf(asked)}`);
  }
}
