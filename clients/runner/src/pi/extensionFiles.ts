import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SettingsManager } from '@mariozechner/pi-coding-agent';
import type { PiOptions } from '@pizzapi/protocol';

/** The folder of a session. What it has of its own is loaded only when it `isTrusted`. */
interface LoadedFolder {
  cwd: string;
  settings: SettingsManager;
  isTrusted: boolean;
}

/** How many extensions are named. */
const NAMED = 10;

/** The extensions of a person and of a trusted folder, by name, from the places where pi looks for them. */
function extensionNames(agentDir: string, { cwd, settings, isTrusted }: LoadedFolder): string[] {
  const folders = [join(agentDir, 'extensions'), ...(isTrusted ? [join(cwd, '.pi', 'extensions')] : [])];
  const found = folders.flatMap((folder) => namesIn(folder).map((name) => join(folder, name)));
  const packages = settings.getPackages().map((each) => (typeof each === 'string' ? each : each.source));
  const paths = isTrusted ? settings.getExtensionPaths() : (settings.getGlobalSettings().extensions ?? []);
  return [...found, ...paths.map((path) => basename(path)), ...packages];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch {
    return [];
  }
}

/** What pi does while it loads the extensions of a session, in the words after "It was". */
export function loadingStep(agentDir: string, folder: LoadedFolder, pi: PiOptions = {}): string {
  const names = pi.noExtensions === true ? [] : extensionNames(agentDir, folder);
  if (names.length === 0) return 'loading the configuration of pi';
  const more = names.length > NAMED ? [`${names.length - NAMED} more`] : [];
  return `loading the extensions of pi (${[...names.slice(0, NAMED), ...more].join(', ')})`;
}
