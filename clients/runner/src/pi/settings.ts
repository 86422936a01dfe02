import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SettingsManager } from '@mariozechner/pi-coding-agent';

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * The person's pi settings, global and of the project, read and never written: pi stores every choice of a model or
 * thinking level as the new default, and what somebody picks in a browser must not change what `pi` does in a terminal.
 */
export function readOnlySettings(cwd: string, agentDir: string): SettingsManager {
  return SettingsManager.fromStorage({
    withLock(scope, fn) {
      fn(read(scope === 'global' ? join(agentDir, 'settings.json') : join(cwd, '.pi', 'settings.json')));
    },
  });
}
