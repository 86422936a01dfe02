import type {
  AgentSessionServices,
  CreateAgentSessionFromServicesOptions,
  CreateAgentSessionServicesOptions,
} from '@mariozechner/pi-coding-agent';
import { errorInfo, mcpToolName, type ErrorInfo, type PiOptions } from '@pizzapi/protocol';
import { isBuiltIn } from './versions/builtInExtensions.js';

/** pi's own tools (`core/tools` of the SDK, which does not export their names). */
const BUILT_IN = ['read', 'bash', 'edit', 'write', 'grep', 'find', 'ls'];

/** What pi's loader of extensions, skills and prompts is told. */
export function loaderOptions(
  pi: PiOptions = {},
): NonNullable<CreateAgentSessionServicesOptions['resourceLoaderOptions']> {
  const { systemPrompt, appendSystemPrompt, noExtensions, noSkills, noPromptTemplates, noContextFiles } = pi;
  return {
    ...{ noExtensions, noSkills, noPromptTemplates, noContextFiles },
    // Not as pi's own options of these names: those would read a file of this machine where the text is a path.
    ...(systemPrompt === undefined ? {} : { systemPromptOverride: () => systemPrompt }),
    ...(appendSystemPrompt === undefined ? {} : { appendSystemPromptOverride: () => [appendSystemPrompt] }),
  };
}

/** Which tools a session has, as pi's own command line decides it: an allowlist wins. */
export function toolOptions(pi: PiOptions = {}): Pick<CreateAgentSessionFromServicesOptions, 'tools' | 'noTools'> {
  const { tools, noTools, noBuiltinTools } = pi;
  if (tools !== undefined) return { tools };
  if (noTools === true) return { noTools: 'all' };
  return noBuiltinTools === true ? { noTools: 'builtin' } : {};
}

/** Whether `bash` may be there at all: our own stands in for pi's, and must not stay when pi's own tools go. */
export function hasBuiltIn(pi: PiOptions = {}): boolean {
  return pi.tools !== undefined || (pi.noTools !== true && pi.noBuiltinTools !== true);
}

/**
 * What is wrong with the tools that were named, once the extensions are loaded: pi itself passes over a name that it
 * does not know. An extension of the person may bring a tool later, so that with one nothing can be ruled out.
 */
export function toolProblem(
  { tools }: PiOptions = {},
  { resourceLoader }: Pick<AgentSessionServices, 'resourceLoader'>,
): { error: ErrorInfo; certain: boolean } | undefined {
  if (tools === undefined) return undefined;
  const { extensions } = resourceLoader.getExtensions();
  const known = new Set([...BUILT_IN, ...extensions.flatMap((extension) => [...extension.tools.keys()])]);
  const missing = tools.filter((name) => !known.has(name));
  if (missing.length === 0) return undefined;
  const names = missing.map((name) => `"${name}"`).join(', ');
  const what = missing.length === 1 ? `There is no tool ${names}` : `There are no tools ${names}`;
  return {
    error: errorInfo('tool_unknown', `${what}; there are ${[...known].sort().join(', ')}`),
    certain:
      extensions.every(({ path }) => path.startsWith('<inline:') || isBuiltIn(path)) &&
      !missing.some((name) => mcpToolName(name) !== undefined),
  };
}
