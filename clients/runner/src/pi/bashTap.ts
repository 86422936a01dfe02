import { createBashToolDefinition, createLocalBashOperations } from '@mariozechner/pi-coding-agent';
import type { BashOperations, ExtensionFactory, SettingsManager } from '@mariozechner/pi-coding-agent';

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
 * pi's own bash tool, with its output tapped chunk by chunk: what pi reports by itself are snapshots of the whole
 * output so far, ten a second. An extension of the person that brings its own `bash` wins over this one.
 */
export function bashTap(
  cwd: string,
  settings: SettingsManager,
  tap: { begin(toolCallId: string): void; text(toolCallId: string, text: string): void },
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
        tap.begin(toolCallId);
        const operations = tapped(createLocalBashOperations(options()), (text) => tap.text(toolCallId, text));
        const tool = createBashToolDefinition(cwd, { ...options(), operations });
        return tool.execute(toolCallId, params, signal, onUpdate, ctx);
      },
    });
  };
}
