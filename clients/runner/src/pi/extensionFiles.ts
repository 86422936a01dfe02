import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SettingsManager } from '@mariozechner/pi-coding-agent';
import type { PiOptions } from '@pizzapi/protocol';

/** How many extensions are named. */
const NAMED = 10;

/** The extensions of a person and a folder, by name, from the places where pi looks for them. */
function extensionNames(cwd: string, agentDir: string, settings: SettingsManager): string[] {
  const folders = [join(agentDir, 'extensions'), join(cwd, '.pi', 'extensions')];
  const found = folders.flatMap((folder) => namesIn(folder).map((name) => join(folder, name)));
  const packages = settings.getPackages().map((each) => (typeof each === 'string' ? each : each.source));
  return [...found, ...settings.getExtensionPaths().map((path) => basename(path)), ...packages];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch {
    return [];
  }
}

/** What pi does while it loads the extensions of a session, in the words after "It was". */
export function loadingStep(cwd: string, agentDir: string, settings: SettingsManager, pi: PiOptions = {}): string {
  const names = pi.noExtensions === true ? [] : extensionNames(cwd, agentDir, settings);
  if (names.length === 0) return 'loading the configuration of pi';
  const more = names.length > NAMED ? [`${names.length - NAMED} more`] : [];
  return `loading the extensions of pi (${[...names.slice(0, NAMED), ...more].join(', ')})`;
}
