import { CodedError } from '@pizzapi/protocol';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Compile } from 'typebox/compile';
import { nameOf, type Manifest } from '../manifests.js';
import { mapAt } from '../values.js';

/** The schemas of the Kubernetes API that `generateSchemas.mjs` wrote. */
const schemas: unknown = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../schemas.json', import.meta.url)), 'utf8'),
);
const compiled = new Map<string, ReturnType<typeof Compile>>();

/**
 * Returns what an object has against the schema of its kind, such as a field that Kubernetes does not have. Throws
 * `bad_option` for a kind that the schemas do not have.
 */
export function schemaProblems(manifest: Manifest): string[] {
  const kind = `${manifest.apiVersion}/${manifest.kind}`;
  const check = checkerOf(kind);
  return [...check.Errors(manifest)].map(
    ({ instancePath, message, params }) => `${nameOf(manifest)} ${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

function checkerOf(kind: string): ReturnType<typeof Compile> {
  const known = compiled.get(kind);
  if (known !== undefined) return known;
  const root = mapAt(schemas, 'kinds')[kind];
  if (typeof root !== 'string') throw new CodedError('bad_option', `schemas.json has no ${kind}`);
  const made = Compile({ definitions: mapAt(schemas, 'definitions'), $ref: `#/definitions/${root}` });
  compiled.set(kind, made);
  return made;
}
