/**
 * An MCP server with one tool, `add`, on standard input and output. `node mcpServer.mjs fail` ends before it answers;
 * `node mcpServer.mjs run <file>` writes the file, so that a test sees that it was started.
 */
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [how, file] = process.argv.slice(2);
if (how === 'run') writeFileSync(file, 'started');
if (how === 'fail') {
  process.stderr.write('The oven is cold\n');
  process.exit(3);
}

const numbers = { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } };
const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'sums', version: '1' },
  }),
  'tools/list': () => ({ tools: [{ name: 'add', description: 'Adds two numbers', inputSchema: numbers }] }),
  'tools/call': ({ arguments: { a, b } }) => ({ content: [{ type: 'text', text: `sum ${a + b}` }] }),
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  const result = answers[method]?.(params ?? {});
  if (id === undefined) return;
  const body = result === undefined ? { error: { code: -32601, message: `no ${method}` } } : { result };
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...body })}\n`);
});
