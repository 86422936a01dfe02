import type { LocalProgram } from '@pizzapi/local';
import { isMap } from '@pizzapi/protocol';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folders of the programs in a checkout. */
const FOLDERS: Readonly<Record<LocalProgram, string>> = {
  authenticator: 'services/authenticator',
  projector: 'services/meta-projector',
  gateway: 'services/gateway',
  runner: 'clients/runner',
};

/** The file in the home of a cluster that names the processes of another release. */
export const RELEASES_FILE = 'releases.json';

/**
 * Returns what a process starts from, when the file `releases.json` in the home of the cluster names the checkout of another
 * release for it: `{ "gateway-1": "/path/of/a/checkout" }`. So a person, or a test, tries an upgrade one process after the other.
 */
export function otherRelease(
  home: string,
  name: string,
  program: LocalProgram,
  env: NodeJS.ProcessEnv,
): { main: string; env: NodeJS.ProcessEnv } | undefined {
  const checkout = checkoutOf(join(home, RELEASES_FILE), name);
  if (checkout === undefined) return undefined;
  // A gateway serves the page of its own release.
  const page = program === 'gateway' ? { PIZZAPI_DASHBOARD: join(checkout, 'clients/dashboard/dist') } : {};
  return { main: join(checkout, FOLDERS[program], 'dist/bundle/main.js'), env: { ...env, ...page } };
}

function checkoutOf(file: string, name: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const checkout = isMap(value) ? value[name] : undefined;
  return typeof checkout === 'string' && checkout !== '' ? checkout : undefined;
}
