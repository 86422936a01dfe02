import type { Context } from '@mariozechner/pi-ai';
import { isMap } from '@pizzapi/protocol';

export interface ProviderRequest {
  /** The instructions to the model. */
  prompt: string;
  /** Whether the model may call tools. */
  hasTools: boolean;
  /** The conversation alone. */
  messages: Context['messages'];
}

/**
 * What a provider is asked. pi 0.73 hands prompt and tools over beside the messages; pi 1.x as messages of role `system`,
 * of which later ones add and remove tools.
 */
export function providerRequest({ systemPrompt = '', tools = [], messages }: Context): ProviderRequest {
  const isSystem = ({ role }: { role: string }) => role === 'system';
  const prompts = [systemPrompt];
  const names = new Set(tools.map(({ name }) => name));
  for (const message of messages.filter(isSystem) as unknown[]) {
    if (!isMap(message)) continue;
    prompts.push(JSON.stringify([message['content'], message['sections']]));
    for (const name of namesIn(message['toolsAdded'])) names.add(name);
    for (const name of namesIn(message['toolsRemoved'])) names.delete(name);
  }
  return {
    prompt: prompts.join('\n'),
    hasTools: names.size > 0,
    messages: messages.filter((message) => !isSystem(message)),
  };
}

function namesIn(tools: unknown): string[] {
  if (!Array.isArray(tools)) return [];
  return tools.flatMap((tool: unknown) => (isMap(tool) && typeof tool['name'] === 'string' ? [tool['name']] : []));
}
