import { delimiter, join } from 'node:path';
import { createBashToolDefinition, createLocalBashOperations } from '@mariozechner/pi-coding-agent';
import type { BashOperations, ExtensionAPI, ExtensionFactory, SettingsManager } from '@mariozechner/pi-coding-agent';
import { readOnlyCommand, readOnlyEnv } from '../human/readOnlyRun.js';
import { isProgram } from '../programs.js';
import { readSandbox, sandboxWords } from '../readSandbox.js';

/** Calls of bash, by id, that were let through because they only read. */
export type ReadOnlyCalls = Set<string>;

/** Passes each chunk of output on as text, besides where it goes anyway. */
function tapped(operations: BashOperations, onText: (text: string) => void): BashOperations {
  return {
    exec: async (command, cwd, options) => {
      const decoder = new TextDecoder();
      try {
        return await operations.exec(command, cwd, {
          ...options,
          onData(data) {
            options.onData(data);
            const text = decoder.decode(data, { stream: true });
            if (text !== '') onText(text);
          },
        });
      } finally {
        const rest = decoder.decode();
        if (rest !== '') onText(rest);
      }
    },
  };
}

/**
 * Runs what only reads: in a plain bash, without what the folder and the environment would add to it, and in a sandbox
 * where this machine has one. pi's shell and the prefix of its commands are settings that a folder can have, too.
 */
const readOnlyOperations: BashOperations = {
  async exec(command, cwd, options) {
    const env = readOnlyEnv(options.env ?? process.env, cwd);
    const bash = findBash(env);
    if (bash === undefined) throw new Error('There is no bash on this machine to read with. Install bash.');
    const sandbox = await readSandbox();
    const words = sandbox.kind === 'enforced' ? sandboxWords(sandbox.program, cwd) : [];
    const local = createLocalBashOperations({ shellPath: bash });
    return local.exec(readOnlyCommand(command, bash, words), cwd, { ...options, env });
  },
};

function findBash(env: NodeJS.ProcessEnv): string | undefined {
  const name = process.platform === 'win32' ? 'bash.exe' : 'bash';
  const path = Object.entries(env).find(([key]) => key.toUpperCase() === 'PATH')?.[1] ?? '';
  const folders = ['/bin', ...path.split(delimiter).filter((folder) => folder !== '')];
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

export interface BashTap {
  begin(toolCallId: string): void;
  text(toolCallId: string, text: string): void;
}

/**
 * pi's own bash tool, which runs differently what only reads, and with its output tapped chunk by chunk: what pi
 * reports by itself are snapshots of the whole output so far, ten a second. An extension of the person that brings its
 * own `bash` wins over this one.
 */
export function bashTap(
  cwd: string,
  settings: SettingsManager,
  readOnlyCalls: ReadOnlyCalls,
  tap?: BashTap,
): ExtensionFactory {
  const options = () => {
    const commandPrefix = settings.getShellCommandPrefix();
    const shellPath = settings.getShellPath();
    return {
      ...(commandPrefix === undefined ? {} : { commandPrefix }),
      ...(shellPath === undefined ? {} : { shellPath }),
    };
  };
  return (pi) => {
    pi.registerTool({
      ...createBashToolDefinition(cwd, options()),
      execute: (toolCallId, params, signal, onUpdate, ctx) => {
        tap?.begin(toolCallId);
        const onlyReads = readOnlyCalls.delete(toolCallId);
        const given = onlyReads ? {} : options();
        const run = onlyReads ? readOnlyOperations : createLocalBashOperations(given);
        const operations = tap === undefined ? run : tapped(run, (text) => tap.text(toolCallId, text));
        const tool = createBashToolDefinition(cwd, { ...given, operations });
        return tool.execute(toolCallId, params, signal, onUpdate, ctx);
      },
    });
  };
}

/** Whether the bash that the agent has is the one above: another one may run a command elsewhere, or otherwise. */
export function hasOwnBash(pi: Pick<ExtensionAPI, 'getAllTools'>): boolean {
  const bash = pi.getAllTools().find(({ name }) => name === 'bash');
  return bash?.sourceInfo.path.startsWith('<inline:') === true;
}
