import Type, { type Static } from 'typebox';
import { visibleLine } from './foreignText.js';
import { cutText } from './text.js';

/** What pi loads on a host, as its runner announces it. The names of the fields are those of the original protocol. */

/** How many skills, agents and plugins of a host are kept, and how long their texts may be. */
export const MAX_RUNNER_RESOURCES = 64;
const MAX_NAME_CHARS = 64;
const MAX_DESCRIPTION_CHARS = 300;
const MAX_PATH_CHARS = 512;

const Text = Type.String();

export const RunnerSkill = Type.Object({ name: Text, description: Text, filePath: Text });
export type RunnerSkill = Static<typeof RunnerSkill>;

export const RunnerAgent = Type.Object({ name: Text, description: Text, filePath: Text });
export type RunnerAgent = Static<typeof RunnerAgent>;

/** An extension of pi. `rootPath` is the folder of its package, or its own file or folder. */
export const RunnerPlugin = Type.Object({ name: Text, description: Text, rootPath: Text });
export type RunnerPlugin = Static<typeof RunnerPlugin>;

/** The scripts for one kind of event. */
export const RunnerHook = Type.Object({ type: Text, scripts: Type.Array(Text) });

/** A panel of a service. `port` is on the host. */
export const RunnerPanel = Type.Object({ serviceId: Text, port: Type.Integer(), label: Text, icon: Text });

/** A trigger that a service fires. `schema` is the JSON Schema of its payload. */
export const RunnerTriggerDef = Type.Object({
  type: Text,
  label: Text,
  description: Type.Optional(Text),
  schema: Type.Optional(Type.Record(Text, Type.Unknown())),
  params: Type.Optional(Type.Array(Type.Record(Text, Type.Unknown()))),
});

/** The fields of a runner's events that say what pi loads. Missing: the runner is of an earlier version. */
export const RUNNER_RESOURCE_FIELDS = {
  skills: Type.Optional(Type.Array(RunnerSkill)),
  agents: Type.Optional(Type.Array(RunnerAgent)),
  plugins: Type.Optional(Type.Array(RunnerPlugin)),
} as const;

/** What pi loads on a host. */
export interface RunnerResources {
  skills?: RunnerSkill[] | undefined;
  agents?: RunnerAgent[] | undefined;
  plugins?: RunnerPlugin[] | undefined;
}

/**
 * Returns what a host announces, cleaned and bounded, because a host is not trusted: at most `MAX_RUNNER_RESOURCES` of each
 * kind, each text in one line without control characters. An entry without a name or with a longer path is left out.
 */
export function boundedResources({ skills, agents, plugins }: RunnerResources): RunnerResources {
  return {
    ...(skills === undefined ? {} : { skills: bounded(skills, withFilePath) }),
    ...(agents === undefined ? {} : { agents: bounded(agents, withFilePath) }),
    ...(plugins === undefined ? {} : { plugins: bounded(plugins, withRootPath) }),
  };
}

function bounded<R>(list: readonly R[], clean: (entry: R) => R | undefined): R[] {
  // The entries after those that are kept are not read.
  return list.slice(0, MAX_RUNNER_RESOURCES).flatMap((entry) => clean(entry) ?? []);
}

function withFilePath({ filePath, ...texts }: RunnerSkill): RunnerSkill | undefined {
  const [named, path] = [cleanTexts(texts), cleanPath(filePath)];
  return named === undefined || path === undefined ? undefined : { ...named, filePath: path };
}

function withRootPath({ rootPath, ...texts }: RunnerPlugin): RunnerPlugin | undefined {
  const [named, path] = [cleanTexts(texts), cleanPath(rootPath)];
  return named === undefined || path === undefined ? undefined : { ...named, rootPath: path };
}

function cleanTexts({ name, description }: { name: string; description: string }) {
  const shown = shortLine(name, MAX_NAME_CHARS);
  return shown === '' ? undefined : { name: shown, description: shortLine(description, MAX_DESCRIPTION_CHARS) };
}

/** What is cut is not cleaned first: a text may be very long. */
function shortLine(text: string, maxChars: number): string {
  return cutText(visibleLine(text.slice(0, 4 * maxChars)), maxChars);
}

/** A part of a path would name another file. */
function cleanPath(path: string): string | undefined {
  return path.length > MAX_PATH_CHARS ? undefined : visibleLine(path);
}
