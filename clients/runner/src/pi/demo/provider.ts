import type { Usage } from '@mariozechner/pi-ai';
import type { ExtensionAPI } from '@mariozechner/pi-coding-agent';
import { BoundedMap } from '@pizzapi/protocol';
import { providerRequest, type ProviderRequest } from '../versions/providerRequest.js';
import { demoTurn, lastPrompt } from './script.js';
import { demoSpeed } from './speed.js';
import { streamTurn, type DemoTurn } from './stream.js';

export const DEMO_PROVIDER = 'demo';
/** The scripted model, as `provider/id`. */
export const DEMO_MODEL = 'demo/demo';

const API = 'pizzapi-demo';
const CHARS_PER_TOKEN = 4;
/** USD per million tokens: nobody pays them, but the metrics have something to show. */
const COST = { input: 0.5, output: 2, cacheRead: 0.05, cacheWrite: 0.6 };
/** Failing turns that are remembered. */
const MAX_ATTEMPTS_KEPT = 64;

function tokensOf(value: unknown): number {
  return Math.ceil((JSON.stringify(value)?.length ?? 0) / CHARS_PER_TOKEN);
}

/** What this turn would cost: all but the last exchange comes from the cache. */
function usageOf(request: ProviderRequest, turn: DemoTurn): Usage {
  const { index } = lastPrompt(request);
  const { prompt, messages } = request;
  const cacheRead = index <= 0 ? 0 : tokensOf(prompt) + tokensOf(messages.slice(0, index));
  const input = tokensOf(messages.slice(Math.max(0, index))) + (index <= 0 ? tokensOf(prompt) : 0);
  const said = [turn.thinking, turn.text].filter((part) => part !== undefined).join('');
  const output = Math.ceil(said.length / CHARS_PER_TOKEN) + tokensOf(turn.toolCalls ?? []);
  const price = (tokens: number, per: number) => (tokens * per) / 1_000_000;
  const cost = {
    input: price(input, COST.input),
    output: price(output, COST.output),
    cacheRead: price(cacheRead, COST.cacheRead),
    cacheWrite: 0,
  };
  return {
    input,
    output,
    cacheRead,
    cacheWrite: 0,
    totalTokens: input + output + cacheRead,
    cost: { ...cost, total: cost.input + cost.output + cost.cacheRead },
  };
}

/**
 * Adds the provider `demo` with its one model to a registry (or, as an extension, to its session's): scripted, no network, no key.
 * `PIZZAPI_DEMO_SPEED` sets its pace (`instant`, `fast`, `human`, or characters per second).
 */
export function registerDemoProvider(registry: { registerProvider: ExtensionAPI['registerProvider'] }): void {
  const attempts = new BoundedMap<string, number>(MAX_ATTEMPTS_KEPT);
  registry.registerProvider(DEMO_PROVIDER, {
    name: 'Demo',
    baseUrl: 'http://127.0.0.1:0',
    apiKey: 'demo',
    api: API,
    models: [
      {
        id: 'demo',
        name: 'Demo (no key needed)',
        reasoning: true,
        input: ['text', 'image'],
        cost: COST,
        contextWindow: 200_000,
        maxTokens: 32_000,
      },
    ],
    streamSimple: (model, context, options) => {
      const request = providerRequest(context);
      const speed = demoSpeed(process.env['PIZZAPI_DEMO_SPEED']);
      const key = `${options?.sessionId ?? ''} ${lastPrompt(request).message?.timestamp ?? 0}`;
      const turn = demoTurn(request, speed, attempts.get(key) ?? 0);
      if (turn.error === undefined) attempts.delete(key);
      else attempts.set(key, (attempts.get(key) ?? 0) + 1);
      const usage = usageOf(request, turn);
      return streamTurn(turn, { model, usage, charsPerSecond: speed.charsPerSecond, signal: options?.signal });
    },
  });
}
