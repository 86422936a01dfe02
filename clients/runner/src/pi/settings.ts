import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SettingsManager } from '@mariozechner/pi-coding-agent';
import { isMap } from '@pizzapi/protocol';
import { toPiThinkingLevel } from './thinkingLevels.js';

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Settings with a default thinking level that the pi that runs has. */
function withKnownLevel(text: string | undefined): string | undefined {
  if (text?.includes('"defaultThinkingLevel"') !== true) return text;
  try {
    const settings: unknown = JSON.parse(text);
    const level = isMap(settings) ? toPiThinkingLevel(settings['defaultThinkingLevel']) : undefined;
    return isMap(settings) && level !== undefined ? JSON.stringify({ ...settings, defaultThinkingLevel: level }) : text;
  } catch {
    // pi reports what it cannot read.
    return text;
  }
}

/** Matches every path, by its last part. */
const ALL = ['!**', '!.*'];
/** What takes the place of the settings of a folder that is not trusted: pi 0.73 leaves out what it finds there. */
export const NOTHING_OF_PROJECT = JSON.stringify({ extensions: ALL, skills: ALL, prompts: ALL, themes: ALL });

/**
 * The person's pi settings, global and of the project, read and never written: pi stores every choice of a model or
 * thinking level as the new default, and what somebody picks in a browser must not change what `pi` does in a terminal.
 * The settings of the project are read only while it `isTrusted`.
 */
export function readOnlySettings(cwd: string, agentDir: string, isTrusted: () => boolean): SettingsManager {
  return SettingsManager.fromStorage({
    withLock(scope, fn) {
      if (scope === 'project' && !isTrusted()) return void fn(NOTHING_OF_PROJECT);
      const path = scope === 'global' ? join(agentDir, 'settings.json') : join(cwd, '.pi', 'settings.json');
      fn(withKnownLevel(read(path)));
    },
  });
}
