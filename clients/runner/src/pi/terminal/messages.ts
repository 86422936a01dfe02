import type { AssistantMessage } from '@mariozechner/pi-ai';
import type { MessageItem } from '@pizzapi/protocol';
import { visibleText } from './clean.js';

type Content = AssistantMessage['content'];

const NO_USAGE: AssistantMessage['usage'] = {
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  totalTokens: 0,
  cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 },
};

const STOP_REASONS: readonly AssistantMessage['stopReason'][] = ['stop', 'length', 'toolUse', 'error', 'aborted'];

/** A message of the transcript as pi's own, as far as pi shows it. */
export function assistantMessage(item: MessageItem): AssistantMessage {
  const stopReason = STOP_REASONS.find((reason) => reason === item.stopReason) ?? 'stop';
  return {
    role: 'assistant',
    content: item.blocks.flatMap(contentOf),
    api: '',
    provider: '',
    model: item.model ?? '',
    usage: NO_USAGE,
    stopReason,
    timestamp: item.at,
    ...(item.error === undefined ? {} : { errorMessage: visibleText(item.error) }),
  };
}

function contentOf(block: MessageItem['blocks'][number]): Content {
  switch (block.kind) {
    case 'text':
      return [{ type: 'text', text: visibleText(block.text) }];
    case 'thinking':
      return [{ type: 'thinking', thinking: visibleText(block.text) }];
    case 'tool':
      return [{ type: 'toolCall', id: block.toolCallId, name: block.toolName, arguments: {} }];
    case 'image':
      return [{ type: 'text', text: '[picture]' }];
    case 'other':
      return [];
  }
}
