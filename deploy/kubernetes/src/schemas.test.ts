import { expect, it } from 'vitest';
import { nameOf, parseManifests, readRendering, RENDERINGS, type Rendering } from './manifests.js';
import { schemaProblems } from './testing/apiSchemas.js';

const NAMES = Object.keys(RENDERINGS) as Rendering[];

it.each(NAMES)('every object of %s is as the Kubernetes API describes it, without another field', (name) => {
  const manifests = readRendering(name);
  expect(manifests.length).toBeGreaterThan(0);
  expect(manifests.flatMap(schemaProblems)).toEqual([]);
});

it.each(NAMES)('no two objects of %s have one name', (name) => {
  const names = readRendering(name).map(nameOf);
  expect(names).toEqual([...new Set(names)]);
});

it('the check refuses a field that Kubernetes does not have, a wrong type and a missing field', () => {
  const problems = (text: string) => parseManifests(text).flatMap(schemaProblems);
  const service = (spec: string) => `{ apiVersion: v1, kind: Service, metadata: { name: a }, spec: ${spec} }`;
  expect(problems(service('{ ports: [{ port: 80, targetPort: http }] }'))).toEqual([]);
  expect(problems(service('{ ports: [{ port: 80, targetport: http }] }'))).not.toEqual([]);
  expect(problems(service('{ ports: [{ port: "80" }] }'))).not.toEqual([]);
  expect(problems(service('{ ports: [{ name: http }] }'))).not.toEqual([]);
});
