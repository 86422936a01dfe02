import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { deployFolder, parseManifests, type Manifest, type Rendering } from '../manifests.js';

/** What each kept rendering is made with: the name of the release is `pizzapi`. */
const RENDERED_WITH: Readonly<Record<Rendering, readonly string[]>> = {
  base: [],
  production: ['--values', join(deployFolder(), 'helm/pizzapi/values-production.yaml')],
  runner: ['--set', 'runner.enabled=true'],
  backup: ['--set', 'backup.enabled=true'],
};
/** They hold the objects alone that the base does not have. */
const COMPONENTS: readonly Rendering[] = ['runner', 'backup'];

/** The version of helm on the PATH, or undefined. */
export const HELM = spawnSync('helm', ['version', '--short'], { encoding: 'utf8' }).stdout?.trim() || undefined;

/** Returns what the chart renders with these arguments of helm. Throws when helm refuses the values. */
export function helmTemplate(...args: readonly string[]): string {
  const chart = join(deployFolder(), 'helm/pizzapi');
  // A helm that was built from its sources without a version of Kubernetes takes a very old one.
  const common = ['template', 'pizzapi', chart, '--kube-version', '1.34.0'];
  return execFileSync('helm', [...common, ...args], { encoding: 'utf8', stdio: 'pipe' });
}

/** Returns the files of a rendering: one for each template of the chart, with its name. */
export function render(rendering: Rendering): Map<string, string> {
  const files = filesOf(helmTemplate(...RENDERED_WITH[rendering]));
  if (!COMPONENTS.includes(rendering)) return files;
  const base = filesOf(helmTemplate());
  return new Map([...files].filter(([name]) => !base.has(name)));
}

/** helm writes the path of the template before each document. */
function filesOf(output: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const document of output.split(/^---\n/m)) {
    const [, name] = /^# Source: pizzapi\/templates\/(\S+)\n/.exec(document) ?? [];
    if (name === undefined) continue;
    const body = `${document.replace(/^# Source: .*\n/, '').trimEnd()}\n`;
    if (parseManifests(body).length === 0) continue;
    const before = files.get(name);
    files.set(name, before === undefined ? body : `${before}---\n${body}`);
  }
  return files;
}

/** Returns the objects that the chart renders with these arguments. */
export function rendered(...args: readonly string[]): Manifest[] {
  return parseManifests(helmTemplate(...args));
}
