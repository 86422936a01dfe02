import { oneLine, terminalText, toolCallLine, isMap, type NestedCall, type ToolBlock } from '@pizzapi/protocol';
import { visibleText } from './clean.js';
import { tint } from './theme.js';

/** The calls that are shown while the card is folded: the last ones. */
const FOLDED_CALLS = 5;
/** The lines of output of one call that are shown when it is not. */
const OUTPUT_LINES = 10;

/** The calls that a call made, as lines beneath it; undefined where it made none. */
export function nestedCallsText({ nested = [], nestedLeftOut = 0 }: ToolBlock, expanded: boolean): string | undefined {
  if (nested.length === 0) return undefined;
  const hidden = expanded ? 0 : Math.max(0, nested.length - FOLDED_CALLS);
  const earlier = hidden === 0 ? [] : [tint('dim', `  … ${calls(hidden)} before (ctrl+o to show)`)];
  const more = nestedLeftOut === 0 ? [] : [tint('dim', `  … ${calls(nestedLeftOut)} more. The log has all of them.`)];
  return [...earlier, ...nested.slice(hidden).flatMap((call) => linesOf(call, expanded)), ...more].join('\n');
}

const calls = (count: number): string => (count === 1 ? '1 call' : `${count} calls`);

function linesOf(call: NestedCall, expanded: boolean): string[] {
  const indent = '  '.repeat(call.depth);
  const line = oneLine(visibleText(toolCallLine(call.toolName, isMap(call.args) ? call.args : {})));
  const head = `${indent}${mark(call)} ${line}`;
  const isRunning = call.state === 'running';
  if (!expanded && !isRunning) return [head];
  const output = isRunning
    ? call.output
    : call.content.map((part) => (part.kind === 'text' ? part.text : '')).join('\n');
  const lines = terminalText(output)
    .split('\n')
    .filter((text) => text.trim() !== '')
    .slice(isRunning || !expanded ? -1 : -OUTPUT_LINES);
  return [head, ...lines.map((text) => tint('dim', `${indent}  ${text}`))];
}

function mark({ state }: NestedCall): string {
  if (state === 'done') return tint('success', '✓');
  return state === 'failed' ? tint('error', '✗') : tint('dim', '…');
}
