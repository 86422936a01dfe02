import { homedir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@pizzapi/protocol';
import { openLaunchd } from './launchd.js';
import type { ServiceManager } from './serviceManager.js';
import { openSystemd } from './systemd.js';

/** Returns the service manager of this account. Throws `no_service_manager`. */
export function openServiceManager(
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
  home: string = env['HOME'] || homedir(),
): Promise<ServiceManager> {
  const uid = process.getuid?.() ?? 0;
  if (platform === 'linux') return openSystemd(env, home, uid);
  if (platform === 'darwin') return openLaunchd(env, home, uid, sleep);
  return Promise.reject(new CodedError('no_service_manager', `PizzaPi installs no service on ${platform}`));
}
