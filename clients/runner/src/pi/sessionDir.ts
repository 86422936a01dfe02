import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SettingsManager } from '@mariozechner/pi-coding-agent';

/**
 * The folder that pi keeps the sessions of `cwd` in, by pi's own rule (its `main.js`): the variable, the setting, else a
 * folder named after `cwd` under `sessions/`. So that `pi --resume` finds what was started here.
 */
export function sessionDirOf(cwd: string, agentDir: string, settings: SettingsManager): string {
  const chosen = process.env['PI_CODING_AGENT_SESSION_DIR'] ?? settings.getSessionDir();
  if (chosen !== undefined && chosen !== '') return chosen.replace(/^~(?=$|\/)/, homedir());
  return join(agentDir, 'sessions', `--${cwd.replace(/^[/\\]/, '').replace(/[/\\:]/g, '-')}--`);
}
