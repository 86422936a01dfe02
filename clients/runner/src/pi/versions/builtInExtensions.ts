import * as sdk from '@mariozechner/pi-coding-agent';
import type { CreateAgentSessionServicesOptions, ExtensionAPI, ExtensionFactory } from '@mariozechner/pi-coding-agent';
import { mcpStart, type McpStartDeps } from './mcpStart.js';

type LoaderOptions = NonNullable<CreateAgentSessionServicesOptions['resourceLoaderOptions']>;

/** The names under which the settings of pi 1.x switch its own extensions off, and what makes each. */
const MAKERS = [
  ['codemode', 'createCodemodeExtension'],
  ['tool-search', 'createToolSearchExtension'],
  ['mcp', 'createMcpExtension'],
] as const;

const isMaker = (value: unknown): value is () => ExtensionFactory => typeof value === 'function';

/**
 * Adds the extensions that the command `pi` of pi 1.x adds: scripts of calls, the search for tools, MCP servers. As there,
 * the person's settings switch them off (`"extensions": ["-builtin:mcp"]`), and an extension of the person that registers
 * the same tool or command replaces them. pi 0.73 has none.
 */
export function withBuiltInExtensions(deps: McpStartDeps): (options: LoaderOptions) => LoaderOptions {
  const builtIn = MAKERS.flatMap(([name, maker]) => {
    const make: unknown = Reflect.get(sdk, maker);
    if (!isMaker(make)) return [];
    const factory = name === 'mcp' ? mcpStart(make(), deps) : make();
    return { name, factory, replaceable: true, builtin: true };
  });
  return (options) => {
    // pi 0.73 declares that an extension is a function.
    const added: object = { extensionFactories: [...(options.extensionFactories ?? []), ...builtIn] };
    return { ...options, ...added };
  };
}

/** How pi names the place of its own extensions. */
const BUILT_IN_PATH = 'builtin:';

/** Whether a path names an extension of pi itself. */
export const isBuiltIn = (path: string): boolean => path.startsWith(BUILT_IN_PATH);

/** Tools of pi 1.x that do nothing by themselves: scripts of calls, and the search for tools. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(['codemode', 'tool_search']);

/**
 * Whether a tool does nothing but make calls, each of which is judged by itself. A tool of another extension with the name
 * of pi's own may do anything.
 */
export function onlyMakesCalls(pi: Pick<ExtensionAPI, 'getAllTools'>, tool: string): boolean {
  if (!WITHOUT_EFFECT.has(tool)) return false;
  const found = pi.getAllTools().find(({ name }) => name === tool);
  return found !== undefined && isBuiltIn(found.sourceInfo.path);
}
