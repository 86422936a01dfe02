import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { schemaFiles } from './dist/schemaFiles.js';

/** Writes the JSON Schema files beside this package and prints their hash. */
const folder = fileURLToPath(new URL('./schema/', import.meta.url));
mkdirSync(folder, { recursive: true });
const hash = createHash('sha256');
for (const [name, schema] of Object.entries(schemaFiles())) {
  const text = `${JSON.stringify(schema, null, 2)}\n`;
  writeFileSync(`${folder}${name}`, text);
  hash.update(text);
}
process.stdout.write(`${hash.digest('hex').slice(0, 16)}\n`);
