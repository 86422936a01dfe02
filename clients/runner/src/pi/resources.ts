import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DefaultPackageManager, loadSkills, type ResolvedResource } from '@mariozechner/pi-coding-agent';
import { boundedResources, isMap, stringAt, type RunnerPlugin, type RunnerResources } from '@pizzapi/protocol';
import { readOnlySettings } from './settings.js';

const MANIFEST = 'package.json';

/**
 * What pi loads in every session with this configuration: its skills, and the extensions and packages by name. Runs no
 * extension and installs no package that is missing, so it cannot tell which events an extension handles, nor what else an
 * extension brings. pi has no definitions of agents of its own: `agents` is empty.
 */
export async function listResources(agentDir: string): Promise<RunnerResources> {
  const settingsManager = readOnlySettings(agentDir, agentDir, () => false);
  const packages = new DefaultPackageManager({ cwd: agentDir, agentDir, settingsManager });
  const found = await packages.resolve(() => Promise.resolve('skip'));
  const skillPaths = enabled(found.skills).map(({ path }) => path);
  const { skills } = loadSkills({ cwd: agentDir, agentDir, skillPaths, includeDefaults: false });
  const roots = new Set(enabled(found.extensions).map(rootOf));
  return boundedResources({
    skills: skills.map(({ name, description, filePath }) => ({ name, description, filePath })),
    agents: [],
    plugins: [...roots].map(pluginAt),
  });
}

const enabled = (resources: readonly ResolvedResource[]): ResolvedResource[] =>
  resources.filter((resource) => resource.enabled);

/** The folder of the package that an extension is of, or the folder or file that it is. */
function rootOf({ path, metadata: { origin, baseDir } }: ResolvedResource): string {
  if (origin === 'package' && hasManifest(baseDir)) return baseDir;
  return /^index\.[a-z]+$/.test(basename(path)) ? dirname(path) : path;
}

const hasManifest = (folder: string | undefined): folder is string =>
  folder !== undefined && existsSync(join(folder, MANIFEST));

/** A source of a package may hold a password, so that its manifest names it. */
function pluginAt(rootPath: string): RunnerPlugin {
  const manifest = manifestOf(rootPath);
  return {
    name: stringAt(manifest, 'name') ?? basename(rootPath),
    description: stringAt(manifest, 'description') ?? '',
    rootPath,
  };
}

function manifestOf(folder: string): Readonly<Record<string, unknown>> {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8'));
    return isMap(manifest) ? manifest : {};
  } catch {
    return {};
  }
}
