import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { getAgentDir, SettingsManager } from '@mariozechner/pi-coding-agent';
import { messageOf } from '../errorMessage.js';
import { NOTHING_OF_PROJECT } from '../settings.js';
import { defaultTrust } from '../trust/projectTrust.js';
import { canonical, projectResources, type ProjectResource } from '../trust/projectResources.js';
import { keepsTrust, needsTrust, trustStore } from '../versions/projectTrust.js';

/** What a person at the terminal answers. */
export type TerminalTrustAnswer = 'trust' | 'not now' | 'never';

export interface FolderGateOptions {
  /** pi's arguments. */
  args: readonly string[];
  cwd: string;
  agentDir?: string;
  /** Asks the person at the terminal; undefined where no person is. */
  ask: ((cwd: string, found: readonly ProjectResource[]) => Promise<TerminalTrustAnswer>) | undefined;
  warn: (text: string) => void;
}

export interface FolderGate {
  /** What is left for pi. */
  args: string[];
  isTrusted(cwd: string): boolean;
  /** Lets pi read its settings as before. */
  remove(): void;
}

/** The flags of pi 1.x. */
const FLAGS: Readonly<Record<string, boolean>> = {
  '--approve': true,
  '-a': true,
  '--no-approve': false,
  '-na': false,
};
/** What begins no session, and writes the settings of a folder because the person says so. */
const PACKAGE_COMMANDS = ['install', 'remove', 'uninstall', 'update', 'list', 'config'];

/**
 * Keeps pi 0.73 in a terminal from loading what a folder has of its own before the person has decided. pi 1.x does so by
 * itself. Call it before pi's `main`.
 */
export async function gateFolder(options: FolderGateOptions): Promise<FolderGate> {
  const { args, cwd, agentDir = getAgentDir(), ask, warn } = options;
  const open: FolderGate = { args: [...args], isTrusted: () => true, remove: () => undefined };
  if (keepsTrust() || PACKAGE_COMMANDS.includes(args[0] ?? '')) return open;

  const flags = args.filter((arg) => Object.hasOwn(FLAGS, arg));
  const rest = args.filter((arg) => !Object.hasOwn(FLAGS, arg));
  const override = flags.length === 0 ? undefined : flags.every((flag) => FLAGS[flag] === true);
  const store = trustStore(agentDir);
  const stored = (folder: string): boolean | undefined => {
    try {
      return store.decision(folder);
    } catch (error) {
      warn(`The decisions about folders cannot be read: ${messageOf(error)}`);
      return undefined;
    }
  };
  const decided = new Map<string, boolean>();
  const decide = (folder: string) =>
    override ?? (needsTrust(folder) ? (stored(folder) ?? defaultTrust(folder, agentDir)) : true);
  const isTrusted = (folder: string) => {
    const key = canonical(folder);
    const isOpen = decided.get(key) ?? decide(folder) ?? false;
    decided.set(key, isOpen);
    return isOpen;
  };

  if (decide(cwd) === undefined) {
    const found = projectResources(cwd);
    const answer = await ask?.(cwd, found);
    decided.set(canonical(cwd), answer === 'trust');
    try {
      if (answer === 'trust' || answer === 'never') store.decide(cwd, answer === 'trust');
    } catch (error) {
      warn(`The decision about this folder could not be stored: ${messageOf(error)}`);
    }
    const names = found.map(({ name }) => name).join(', ');
    if (answer === undefined)
      warn(`Not loaded, because you have not decided about this folder: ${names}. Load it with --approve`);
  }
  const remove = gateSettings(isTrusted);
  return { args: isTrusted(cwd) ? rest : [...rest, ...ownPrompts(rest, agentDir)], isTrusted, remove };
}

/** Has every session of this process read the settings of its folder only when the folder is trusted. */
function gateSettings(isTrusted: (cwd: string) => boolean): () => void {
  const create = SettingsManager.create.bind(SettingsManager);
  SettingsManager.create = (...given: Parameters<typeof create>) => {
    const made = create(...given);
    if (isTrusted(given[0])) return made;
    const storage: unknown = Reflect.get(made, 'storage');
    return SettingsManager.fromStorage({
      withLock(scope, fn) {
        if (scope === 'global' && isStorage(storage)) return storage.withLock(scope, fn);
        const written = fn(scope === 'global' ? undefined : NOTHING_OF_PROJECT);
        if (written !== undefined) throw new Error('The folder is not trusted: its settings are not written');
      },
    });
  };
  return () => {
    SettingsManager.create = create;
  };
}

type Storage = Parameters<typeof SettingsManager.fromStorage>[0];

const isStorage = (value: unknown): value is Storage =>
  typeof value === 'object' && value !== null && 'withLock' in value && typeof value.withLock === 'function';

/** The system prompts of the person, or none, in place of those of the folder. */
function ownPrompts(args: readonly string[], agentDir: string): string[] {
  const files = { '--system-prompt': 'SYSTEM.md', '--append-system-prompt': 'APPEND_SYSTEM.md' };
  return Object.entries(files).flatMap(([flag, name]) => {
    const path = join(agentDir, name);
    return args.includes(flag) ? [] : [flag, existsSync(path) ? path : ''];
  });
}
