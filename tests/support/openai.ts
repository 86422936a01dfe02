import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** One answer of the scripted endpoint: pieces of text as they are sent, then maybe a call of a tool. */
interface ScriptedAnswer {
  text: string[];
  /** Told of the text so far after each piece; the next one waits for it. */
  after?: (said: string) => Promise<unknown>;
  tool?: { name: string; args: Readonly<Record<string, unknown>> };
}

export interface ScriptedEndpoint {
  /** What goes into a provider's `baseUrl`. */
  baseUrl: string;
  /** Bodies of the requests so far, and the key each came with. */
  requests: { key: string | undefined; body: Record<string, unknown> }[];
  close(): Promise<void>;
}

/** Between two pieces of text, ms: slow enough that they are pieces for whoever watches. */
const PACE_MS = 60;
const USAGE = { prompt_tokens: 1_234, completion_tokens: 56, total_tokens: 1_290 };
/** A call's arguments come in pieces of so many characters. */
const ARGS_PIECE = 7;

/** A scripted endpoint on 127.0.0.1 that speaks OpenAI's chat completions as a stream: the n-th request gets the n-th answer. */
export async function startEndpoint(answers: readonly ScriptedAnswer[]): Promise<ScriptedEndpoint> {
  const requests: ScriptedEndpoint['requests'] = [];
  const server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    if (request.method !== 'POST' || request.url !== '/v1/chat/completions') {
      response.writeHead(404).end();
      return;
    }
    const answer = answers[Math.min(requests.length, answers.length - 1)]!;
    requests.push({ key: request.headers.authorization, body: JSON.parse(text) as Record<string, unknown> });
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    for await (const chunk of chunksOf(answer, requests.length)) response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    response.end('data: [DONE]\n\n');
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function* chunksOf({ text, after, tool }: ScriptedAnswer, count: number): AsyncGenerator<object> {
  const base = { id: `chatcmpl-${count}`, object: 'chat.completion.chunk', created: 1_700_000_000, model: 'my-model' };
  const choice = (delta: object, finish_reason: string | null = null) => ({
    ...base,
    choices: [{ index: 0, delta, finish_reason }],
  });
  yield choice({ role: 'assistant', content: '' });
  let said = '';
  for (const content of text) {
    await delay(PACE_MS);
    yield choice({ content });
    await after?.((said += content));
  }
  if (tool !== undefined) {
    const call = { index: 0, id: `call_${count}`, type: 'function' };
    yield choice({ tool_calls: [{ ...call, function: { name: tool.name, arguments: '' } }] });
    const json = JSON.stringify(tool.args);
    for (let at = 0; at < json.length; at += ARGS_PIECE) {
      yield choice({ tool_calls: [{ index: 0, function: { arguments: json.slice(at, at + ARGS_PIECE) } }] });
    }
  }
  yield choice({}, tool === undefined ? 'stop' : 'tool_calls');
  yield { ...base, choices: [], usage: USAGE };
}
