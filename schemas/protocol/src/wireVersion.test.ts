import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { schemaFiles } from './schemaFiles.js';
import { SOCKET_PROTOCOL_VERSION } from './version.js';
import { WIRE_HISTORY } from './wireVersion.js';

const texts = Object.entries(schemaFiles()).map(([name, schema]) => ({
  name,
  text: `${JSON.stringify(schema, null, 2)}\n`,
}));

it('the emitted JSON Schema files match the code', () => {
  for (const { name, text } of texts) {
    expect(readFileSync(new URL(`../schema/${name}`, import.meta.url), 'utf8'), name).toBe(text);
  }
});

it('a changed wire has a line of history', () => {
  const hash = createHash('sha256');
  for (const { text } of texts) hash.update(text);
  expect(WIRE_HISTORY.at(-1)).toMatchObject({
    version: SOCKET_PROTOCOL_VERSION,
    hash: hash.digest('hex').slice(0, 16),
  });
});
