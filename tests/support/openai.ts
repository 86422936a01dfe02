import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** One answer of the scripted endpoint: the chunks of its text, then optionally a tool call. */
interface ScriptedAnswer {
  text: string[];
  /** Called after each chunk with the text so far. The next chunk waits for it. */
  after?: (text: string) => Promise<unknown>;
  tool?: { name: string; args: Readonly<Record<string, unknown>> };
}

export interface ScriptedEndpoint {
  /** The `baseUrl` of the provider. */
  baseUrl: string;
  /** The bodies of the requests so far, and the key of each. */
  requests: { key: string | undefined; body: Record<string, unknown> }[];
  close(): Promise<void>;
}

/** The messages of a request, as far as their pairs matter. */
interface PairedMessage {
  role: string;
  tool_calls?: { id: string }[];
  tool_call_id?: string;
}

/** What a provider refuses: a call without its result directly behind it, a result without its call, or two results. */
export function pairingProblem(messages: readonly PairedMessage[]): string | undefined {
  let open: string[] = [];
  for (const { role, tool_calls: calls = [], tool_call_id: id = '' } of messages) {
    if (role === 'tool') {
      if (!open.includes(id)) return `no open call has the id "${id}"`;
      open = open.filter((other) => other !== id);
    } else {
      if (open.length > 0) return `the call "${open[0]}" has no result`;
      open = calls.map((call) => call.id);
    }
  }
  return open.length > 0 ? `the call "${open[0]}" has no result` : undefined;
}

/** The pause between two chunks, in ms: so long that a viewer sees the chunks one by one. */
const PACE_MS = 60;
const USAGE = { prompt_tokens: 1_234, completion_tokens: 56, total_tokens: 1_290 };
/** The number of characters in each chunk of a call's arguments. */
const ARGS_CHUNK = 7;

/**
 * Starts an endpoint on 127.0.0.1 that streams OpenAI's chat completions: request n gets answer n. As a provider does,
 * it refuses a request whose tool calls and results are not in pairs.
 */
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
    const body = JSON.parse(text) as Record<string, unknown>;
    requests.push({ key: request.headers.authorization, body });
    const problem = pairingProblem(body['messages'] as PairedMessage[]);
    if (problem !== undefined) {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { type: 'invalid_request_error', message: problem } }));
      return;
    }
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
  let sent = '';
  for (const content of text) {
    await delay(PACE_MS);
    yield choice({ content });
    await after?.((sent += content));
  }
  if (tool !== undefined) {
    const call = { index: 0, id: `call_${count}`, type: 'function' };
    yield choice({ tool_calls: [{ ...call, function: { name: tool.name, arguments: '' } }] });
    const json = JSON.stringify(tool.args);
    for (let at = 0; at < json.length; at += ARGS_CHUNK) {
      yield choice({ tool_calls: [{ index: 0, function: { arguments: json.slice(at, at + ARGS_CHUNK) } }] });
    }
  }
  yield choice({}, tool === undefined ? 'stop' : 'tool_calls');
  yield { ...base, choices: [], usage: USAGE };
}
