import { createServer, type IncomingHttpHeaders } from 'node:http';
import { once } from 'node:events';

/** A request that a model server got. */
export interface ModelRequest {
  headers: IncomingHttpHeaders;
  body: string;
}

/** A server that speaks the completions of OpenAI and answers each request with the same words. */
export interface ModelServer {
  url: string;
  requests: ModelRequest[];
  close(): Promise<void>;
}

/** Starts a model server on this machine. */
export async function startModelServer(answer = 'I see.'): Promise<ModelServer> {
  const requests: ModelRequest[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (bytes: Buffer) => (body += bytes.toString()));
    request.on('end', () => {
      requests.push({ headers: request.headers, body });
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const [delta, finish] of [
        [{ role: 'assistant', content: answer }, null],
        [{}, 'stop'],
      ] as const) {
        const chunk = {
          id: 'c',
          object: 'chat.completion.chunk',
          choices: [{ index: 0, delta, finish_reason: finish }],
        };
        response.write(`data: ${JSON.stringify(chunk)}\n\n`);
      }
      response.end('data: [DONE]\n\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
