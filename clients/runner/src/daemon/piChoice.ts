import { realpath, stat } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';
import type { Logger } from '@pizzapi/process';
import type { LoadedPi, PiInstallation } from '../installation/types.js';
import type { PiSource } from './workerPool.js';

export interface PiChoiceDeps {
  /** Looks for the pi that sessions are to run on. */
  find: () => Promise<PiInstallation>;
  bundled: PiInstallation;
  /** Has a person read that the pi that was found is not the one in use. */
  warn: (warning: ErrorInfo) => void;
  /** Where `pi` is looked for. */
  path: string | undefined;
  /** The program or folder that a person has named. */
  named?: string | undefined;
  now?: () => number;
  log: Logger;
}

/** How often pi is looked for although no file changed, in ms: the programs of version managers stay the same. */
const FIND_EVERY_MS = 10 * 60_000;

/**
 * Which pi the workers of a runner run on: the one that was found, or the bundled one while that does not start. Sees
 * from the files of pi when another version was installed.
 */
export class PiChoice implements PiSource {
  private isBroken = false;
  /** The state of the files, when the pi was looked for. */
  private stamp = '';
  /** Another state, seen once: an installation that is being replaced changes several times. */
  private seen: string | undefined;
  private foundAt: number;

  private constructor(
    private readonly deps: PiChoiceDeps,
    private found: PiInstallation,
  ) {
    this.foundAt = this.now();
  }

  static async create(deps: PiChoiceDeps): Promise<PiChoice> {
    const choice = new PiChoice(deps, await deps.find());
    choice.stamp = await choice.readStamp();
    return choice;
  }

  get current(): PiInstallation {
    return this.isBroken ? this.deps.bundled : this.found;
  }

  /** What tells this pi from others. */
  get key(): string {
    return keyOf(this.current);
  }

  failed(installation: PiInstallation, error: unknown): PiInstallation | undefined {
    const { bundled, log, warn } = this.deps;
    if (installation.root === null) return undefined;
    if (installation !== this.found || this.isBroken) return this.current;
    this.isBroken = true;
    const reason = error instanceof Error ? error.message : String(error);
    log.error(
      { err: error, root: installation.root, version: installation.version },
      'pi did not load; using the bundled',
    );
    warn(errorInfo('pi_failed', `${reason}. New sessions run on the bundled pi ${bundled.version}`));
    return bundled;
  }

  /** Looks at the files of pi; true when new workers run on another pi from now on, or are to try it again. */
  async check(): Promise<boolean> {
    const stamp = await this.readStamp();
    const isChanged = stamp !== this.stamp;
    const isSettled = stamp === this.seen;
    this.seen = isChanged ? stamp : undefined;
    if (isChanged ? !isSettled : this.now() - this.foundAt < FIND_EVERY_MS) return false;
    const found = await this.deps.find();
    const { version, root } = found;
    const before = this.key;
    const foundBefore = keyOf(this.found);
    const wasBroken = this.isBroken;
    this.found = found;
    this.foundAt = this.now();
    // Without another state of its files, a pi that did not load is not tried again.
    this.isBroken = wasBroken && !isChanged && keyOf(found) === foundBefore;
    this.stamp = await this.readStamp();
    this.seen = undefined;
    if (this.key === before && (this.isBroken || !wasBroken)) return false;
    this.deps.log.info({ version, root }, 'another pi was installed; new workers run on it');
    return true;
  }

  /** Whether a worker runs on another pi than new ones do. An installed pi that does not start outdates no worker. */
  isOutdated({ packageName, version, root }: LoadedPi): boolean {
    const { found } = this;
    if (this.isBroken) return false;
    return packageName !== found.packageName || version !== found.version || root !== found.root;
  }

  private now(): number {
    return (this.deps.now ?? Date.now)();
  }

  /** What changes when a pi is installed, updated or removed: cheap to read, nothing is watched. */
  private async readStamp(): Promise<string> {
    const { root, source } = this.found;
    const { named, path } = this.deps;
    const folders = root === null ? [] : [join(root, 'package.json'), root, join(root, 'node_modules'), dirname(root)];
    const program = source === 'option' ? named : await programOnPath(path);
    const real = program === undefined ? [] : [await realpath(program).catch(() => program)];
    return (await Promise.all([...folders, ...real].map(stateOf))).join('\n');
  }
}

const keyOf = ({ packageName, version, root }: PiInstallation) => `${packageName}@${version} ${root ?? ''}`;

async function programOnPath(path: string | undefined): Promise<string | undefined> {
  for (const folder of (path ?? '').split(delimiter).filter((each) => each !== '')) {
    const program = join(folder, 'pi');
    if ((await stat(program).catch(() => undefined))?.isFile() === true) return program;
  }
  return undefined;
}

async function stateOf(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  return found === undefined ? `${file} -` : `${file} ${found.ino}.${found.mtimeMs}`;
}
