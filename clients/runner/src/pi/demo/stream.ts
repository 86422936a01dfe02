import { sleep } from '@pizzapi/process';
import { createAssistantMessageEventStream } from '@mariozechner/pi-ai';
import type { AssistantMessage, AssistantMessageEventStream, Model, Api, ToolCall, Usage } from '@mariozechner/pi-ai';

/** What the demo model says in one turn. */
export interface DemoTurn {
  thinking?: string;
  text?: string;
  toolCalls?: ToolCall[];
  /** The provider fails with this message after whatever it said before. */
  error?: string;
  /** Times the usual pace. */
  pace?: number;
}

/** How often at most the stream wakes up, ms. */
const TICK_MS = 20;

type Block = AssistantMessage['content'][number];

function blocksOf(turn: DemoTurn): Block[] {
  const blocks: Block[] = [];
  if (turn.thinking !== undefined) blocks.push({ type: 'thinking', thinking: turn.thinking });
  if (turn.text !== undefined) blocks.push({ type: 'text', text: turn.text });
  return [...blocks, ...(turn.toolCalls ?? [])];
}

const wholeOf = (block: Block) =>
  block.type === 'text' ? block.text : block.type === 'thinking' ? block.thinking : JSON.stringify(block.arguments);

/** The block as it is after `said` of its characters. */
function partOf(block: Block, said: string, done: boolean): Block {
  if (block.type === 'text') return { ...block, text: said };
  if (block.type === 'thinking') return { ...block, thinking: said };
  return done ? block : { ...block, arguments: {} };
}

const KIND = { text: 'text', thinking: 'thinking', toolCall: 'toolcall' } as const;

export interface StreamOptions {
  model: Model<Api>;
  usage: Usage;
  charsPerSecond: number;
  signal?: AbortSignal | undefined;
}

/** Streams a turn the way a provider does: block by block, at the given pace, until it is done, fails or is aborted. */
export function streamTurn(turn: DemoTurn, options: StreamOptions): AssistantMessageEventStream {
  const stream = createAssistantMessageEventStream();
  const { model, usage, signal } = options;
  const base = {
    role: 'assistant' as const,
    api: model.api,
    provider: model.provider,
    model: model.id,
    usage,
    timestamp: Date.now(),
  };
  const content: Block[] = [];
  const message = (stopReason: AssistantMessage['stopReason'], errorMessage?: string): AssistantMessage => ({
    ...base,
    content: [...content],
    stopReason,
    ...(errorMessage === undefined ? {} : { errorMessage }),
  });
  const fail = (reason: 'aborted' | 'error', text: string) => {
    stream.push({ type: 'error', reason, error: message(reason, text) });
    stream.end();
  };
  const perTick = Math.max(1, (options.charsPerSecond * (turn.pace ?? 1) * TICK_MS) / 1_000);

  const run = async () => {
    stream.push({ type: 'start', partial: message('stop') });
    for (const [contentIndex, block] of blocksOf(turn).entries()) {
      const kind = KIND[block.type];
      const whole = wholeOf(block);
      content.push(partOf(block, '', false));
      stream.push({ type: `${kind}_start`, contentIndex, partial: message('stop') });
      let exact = 0;
      for (let said = 0; said < whole.length;) {
        if (Number.isFinite(perTick)) await sleep(TICK_MS, signal);
        if (signal?.aborted === true) return fail('aborted', 'Request was aborted');
        exact = Number.isFinite(perTick) ? exact + perTick : whole.length;
        const next = Math.min(whole.length, Math.floor(exact));
        if (next === said) continue;
        content[contentIndex] = partOf(block, whole.slice(0, next), false);
        stream.push({ type: `${kind}_delta`, contentIndex, delta: whole.slice(said, next), partial: message('stop') });
        said = next;
      }
      content[contentIndex] = partOf(block, whole, true);
      const partial = message('stop');
      if (block.type === 'toolCall') stream.push({ type: 'toolcall_end', contentIndex, toolCall: block, partial });
      else if (block.type === 'text') stream.push({ type: 'text_end', contentIndex, content: whole, partial });
      else stream.push({ type: 'thinking_end', contentIndex, content: whole, partial });
    }
    if (signal?.aborted === true) return fail('aborted', 'Request was aborted');
    if (turn.error !== undefined) return fail('error', turn.error);
    const reason = (turn.toolCalls?.length ?? 0) > 0 ? 'toolUse' : 'stop';
    stream.push({ type: 'done', reason, message: message(reason) });
    stream.end();
  };
  queueMicrotask(() => void run());
  return stream;
}
