import { createHash } from 'node:crypto';
import { existsSync, opendirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { isMap, shorten, visibleLine, type UnknownMap } from '@pizzapi/protocol';

/** What a folder has of its own and that pi loads into its process or obeys: one line of a prompt. */
export interface ProjectResource {
  name: string;
  /** Where it is, and what it does as far as its file says so. */
  summary: string;
}

/** What is listed at most, since the folder may be hostile: lines, names in a line, entries read of a folder. */
const MAX_RESOURCES = 20;
const MAX_NAMES = 10;
const MAX_ENTRIES = 1_000;
/** Files and folders that are compared, and how deep they are looked for: an extension may have packages of its own. */
const MAX_LOOKED_AT = 20_000;
const MAX_DEPTH = 12;
/** Characters of a name and of a line. */
const NAME_CHARS = 80;
const LINE_CHARS = 400;
/** Bytes of a file that is read for its names. */
const MAX_FILE = 256 * 1024;

/** The folder of pi in a project. */
const PI = '.pi';
/** What in it needs a decision, by the rule of pi 1.x. */
const NEEDS_TRUST = [
  ...['settings.json', 'mcp.json', 'extensions', 'skills', 'prompts', 'themes', 'SYSTEM.md', 'APPEND_SYSTEM.md'],
];
const FOLDERS = { skills: 'Skills', prompts: 'Prompt templates', themes: 'Themes' } as const;
/** Settings that name a program or a folder. */
const PROGRAMS = ['shellPath', 'shellCommandPrefix', 'npmCommand', 'sessionDir'] as const;
/** Settings that name what is loaded. */
const LOADED = ['packages', 'extensions', 'skills', 'prompts', 'themes'] as const;

/** The folder with links resolved: a decision is about the folder and not about a name of it. */
export function canonical(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Whether a folder has anything that needs a decision: the rule of pi 1.x, for pi 0.73, which has none. */
export function hasProjectResources(cwd: string): boolean {
  const folder = canonical(cwd);
  return NEEDS_TRUST.some((entry) => existsSync(join(folder, PI, entry))) || agentsSkills(folder).length > 0;
}

/** The `.agents/skills` of a folder and of the folders around it. Those of the person are the person's own. */
function agentsSkills(folder: string): string[] {
  const own = join(canonical(process.env['HOME'] ?? homedir()), '.agents', 'skills');
  const found: string[] = [];
  for (let at = folder; ; at = dirname(at)) {
    const skills = join(at, '.agents', 'skills');
    if (skills !== own && existsSync(skills)) found.push(skills);
    if (dirname(at) === at) return found;
  }
}

/**
 * Returns a text that differs when something was added to what a folder has of its own, or changed in it. Bounded as
 * reading is: it says nothing of what a file names elsewhere.
 */
export function projectFingerprint(cwd: string): string {
  const folder = canonical(cwd);
  const lines: string[] = [];
  const look = (path: string, depth: number): void => {
    if (lines.length >= MAX_LOOKED_AT) return;
    const stat = statOf(path);
    if (stat === undefined) return;
    lines.push([path, stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(' '));
    // Links may lead in a circle.
    if (!stat.isDirectory() || depth === MAX_DEPTH) return;
    for (const name of namesIn(path, { isWhole: true })) look(join(path, name), depth + 1);
  };
  for (const path of [...NEEDS_TRUST.map((entry) => join(folder, PI, entry)), ...agentsSkills(folder)]) look(path, 0);
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

function statOf(path: string) {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/**
 * Lists what a folder has of its own. The names come from the folder: they are bounded, on one line, and have no
 * characters that steer a terminal. Never throws, and opens nothing but plain files of a limited size.
 */
export function projectResources(cwd: string): ProjectResource[] {
  const folder = canonical(cwd);
  const at = (entry: string) => join(folder, PI, entry);
  const found = [
    ...namesIn(at('extensions')).map((name) =>
      resource(name, `Extension ${pathOf(folder, join(PI, 'extensions', name))}`),
    ),
    ...settingsOf(folder, at('settings.json')),
    ...serversOf(folder, at('mcp.json')),
    ...Object.entries(FOLDERS).flatMap(([entry, title]) => folderOf(folder, at(entry), title)),
    ...agentsSkills(folder).flatMap((skills) => folderOf(folder, skills, FOLDERS.skills)),
    ...['SYSTEM.md', 'APPEND_SYSTEM.md']
      .filter((entry) => existsSync(at(entry)))
      .map((entry) => resource('System prompt', pathOf(folder, join(PI, entry)))),
  ];
  if (found.length <= MAX_RESOURCES) return found;
  return [...found.slice(0, MAX_RESOURCES), resource(`${found.length - MAX_RESOURCES} more`, `in ${join(folder, PI)}`)];
}

function resource(name: string, summary: string): ProjectResource {
  return { name: shown(name, NAME_CHARS), summary: shown(summary, LINE_CHARS) };
}

function shown(text: string, length: number): string {
  const line = visibleLine(text);
  return line === '' ? '(a name without visible characters)' : shorten(line, length);
}

/** A path in the folder, and where it leads when that is elsewhere. */
function pathOf(folder: string, path: string): string {
  const whole = join(folder, path);
  const real = canonical(whole);
  return real === whole ? path : `${path}, which is a link to ${real}`;
}

function folderOf(folder: string, path: string, title: string): ProjectResource[] {
  if (!existsSync(path)) return [];
  const names = namesIn(path);
  const own = relative(folder, path);
  const where = own.startsWith('..') ? path : pathOf(folder, own);
  return [resource(title, names.length === 0 ? where : `${where}: ${listed(names)}`)];
}

function listed(names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? [`${names.length - MAX_NAMES} more`] : [];
  return [...names.slice(0, MAX_NAMES).map((name) => shown(name, NAME_CHARS)), ...more].join(', ');
}

function namesIn(path: string, { isWhole = false } = {}): string[] {
  try {
    const opened = opendirSync(path);
    try {
      const names: string[] = [];
      for (
        let entry = opened.readSync();
        entry !== null && names.length < (isWhole ? MAX_LOOKED_AT : MAX_ENTRIES);
        entry = opened.readSync()
      ) {
        if (isWhole || !entry.name.startsWith('.')) names.push(entry.name);
      }
      return names.sort();
    } finally {
      opened.closeSync();
    }
  } catch {
    return [];
  }
}

/** A file of JSON as a map; undefined where there is no file, empty where it cannot be read. */
function mapIn(path: string): UnknownMap | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const stat = statSync(path);
    if (!stat.isFile() || stat.size > MAX_FILE) return {};
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isMap(value) ? value : {};
  } catch {
    return {};
  }
}

function settingsOf(folder: string, path: string): ProjectResource[] {
  const settings = mapIn(path);
  if (settings === undefined) return [];
  const loaded = LOADED.flatMap((key) => {
    const value = settings[key];
    const names = Array.isArray(value) ? value.flatMap(sourceOf) : [];
    return names.length === 0 ? [] : [`${key} ${listed(names)}`];
  });
  const programs = PROGRAMS.flatMap((key) => (settings[key] === undefined ? [] : [`${key} ${said(settings[key])}`]));
  const where = pathOf(folder, join(PI, 'settings.json'));
  const what = [...programs, ...loaded];
  return [resource('Settings', what.length === 0 ? where : `${where}: ${what.join('; ')}`)];
}

function sourceOf(value: unknown): string[] {
  const source = isMap(value) ? value['source'] : value;
  return typeof source === 'string' ? [source] : [];
}

function said(value: unknown): string {
  return shown(typeof value === 'string' ? value : JSON.stringify(value), NAME_CHARS);
}

function serversOf(folder: string, path: string): ProjectResource[] {
  const file = mapIn(path);
  if (file === undefined) return [];
  const where = pathOf(folder, join(PI, 'mcp.json'));
  const servers = isMap(file['mcpServers']) ? Object.entries(file['mcpServers']) : [];
  const names = servers.map(([name, server]) => {
    const runs = isMap(server) ? (server['command'] ?? server['url']) : undefined;
    return typeof runs === 'string' ? `${name} (${runs})` : name;
  });
  return [resource('MCP servers', names.length === 0 ? where : `${where}: ${listed(names)}`)];
}
