import type { ToolDefinition } from '@mariozechner/pi-coding-agent';
import { Text } from '@mariozechner/pi-tui';
import { isMap, oneLine, toolCallSentence, toolCallWords, toolWords } from '@pizzapi/protocol';
import { visibleText } from './clean.js';

type RenderCall = NonNullable<ToolDefinition['renderCall']>;

/** How a terminal shows a call of one of our tools: in words, and not as JSON. */
export function inWords(tool: string): { renderCall: RenderCall } {
  return {
    renderCall: (args, theme, { expanded }) => {
      const map = isMap(args) ? args : {};
      const { verb, subject } = toolCallWords(tool, map);
      const title = theme.fg('toolTitle', theme.bold(verb));
      const whole = expanded ? toolCallSentence(tool, map)?.slice(verb.length).trim() : undefined;
      const text = visibleText(whole ?? oneLine(subject));
      return new Text(text === '' ? title : `${title} ${theme.fg('muted', text)}`, 0, 0);
    },
  };
}

/** Whether a tool is one of ours, which has names for its arguments. */
export function isOwnTool(tool: string): boolean {
  return toolWords(tool)?.fields !== undefined || tool === 'demo_todo';
}
