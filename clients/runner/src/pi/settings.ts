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

/**
 * The person's pi settings, global and of the project, read and never written: pi stores every choice of a model or
 * thinking level as the new default, and what somebody picks in a browser must not change what `pi` does in a terminal.
 */
export function readOnlySettings(cwd: string, agentDir: string): SettingsManager {
  return SettingsManager.fromStorage({
    withLock(scope, fn) {
      const path = scope === 'global' ? join(agentDir, 'settings.json') : join(cwd, '.pi', 'settings.json');
      fn(withKnownLevel(read(path)));
    },
  });
}
