import { ToolExecutionComponent, type ToolDefinition } from '@mariozechner/pi-coding-agent';
import { parseStreamingJson } from '@mariozechner/pi-ai';
import type { Component, TUI } from '@mariozechner/pi-tui';
import Type from 'typebox';
import { terminalText, type Block, type ToolBlock } from '@pizzapi/protocol';
import { visibleText, cleanValue } from './clean.js';
import { inWords, isOwnTool } from './toolWording.js';

type Shown = Parameters<ToolExecutionComponent['updateResult']>[0];

/** What pi wants of a tool beside the way it is shown. It is never called here. */
const NO_TOOL: Omit<ToolDefinition, 'name'> = {
  ...{ label: '', description: '', parameters: Type.Object({}) },
  execute: () => Promise.reject(new Error('A viewer runs no tools')),
};

/** One run of a tool, as pi shows it: the call, its output as it comes, its result with its diff. */
export class ToolView implements Component {
  readonly #ui: TUI;
  readonly #cwd: string;
  #block: ToolBlock | undefined;
  #view: ToolExecutionComponent | undefined;
  #expanded = false;

  constructor(ui: TUI, cwd: string) {
    this.#ui = ui;
    this.#cwd = cwd;
  }

  update(block: ToolBlock): void {
    const before = this.#block;
    if (before === block) return;
    this.#block = block;
    if (this.#view === undefined || before?.toolName !== block.toolName) {
      const { toolName, toolCallId } = block;
      // Pictures take rows that a screen which scrolls cannot cut: they are named instead.
      const options = { showImages: false };
      this.#view = new ToolExecutionComponent(
        visibleText(toolName),
        toolCallId,
        argsOf(block),
        options,
        isOwnTool(toolName) ? { ...NO_TOOL, name: toolName, ...inWords(toolName) } : undefined,
        this.#ui,
        this.#cwd,
      );
      this.#view.setExpanded(this.#expanded);
    } else if (before.args !== block.args || before.json !== block.json) {
      this.#view.updateArgs(argsOf(block));
    }
    // `setArgsComplete` is never called: an edit would then be previewed with the files of this machine.
    if (block.state === 'running' && before?.state !== 'running') this.#view.markExecutionStarted();
    const result = resultOf(block);
    if (result !== undefined) this.#view.updateResult(result, block.state === 'running');
  }

  /** Stops the clock that pi shows beside a command that runs. Call it when the view is not shown any more. */
  close(): void {
    if (this.#block?.state === 'running') this.#view?.updateResult({ content: [], isError: false }, false);
    this.#view = undefined;
    this.#block = undefined;
  }

  setExpanded(expanded: boolean): void {
    if (this.#expanded === expanded) return;
    this.#expanded = expanded;
    this.#view?.setExpanded(expanded);
  }

  render(width: number): string[] {
    return this.#view?.render(width) ?? [];
  }

  invalidate(): void {
    this.#view?.invalidate();
  }
}

function argsOf({ args, json }: ToolBlock): unknown {
  return cleanValue(args ?? (json === '' ? {} : parseStreamingJson(json)));
}

function resultOf(block: ToolBlock): Shown | undefined {
  switch (block.state) {
    case 'writing':
    case 'pending':
      return undefined;
    case 'running':
      if (block.output === '') return undefined;
      return { content: [{ type: 'text', text: terminalText(block.output) }], isError: false };
    case 'done':
    case 'failed':
      return {
        content: block.content.flatMap(contentOf),
        isError: block.state === 'failed',
        ...(block.details === undefined ? {} : { details: cleanValue(block.details) }),
      };
  }
}

function contentOf(block: Block): Shown['content'] {
  if (block.kind === 'text') {
    const more = block.blob === undefined ? '' : `\n… ${block.blob.size} bytes in all; the page shows the rest`;
    return [{ type: 'text', text: terminalText(block.text) + more }];
  }
  return block.kind === 'image' ? [{ type: 'text', text: `[picture, ${visibleText(block.mediaType)}]` }] : [];
}
