import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Writes `schemas.json` from the OpenAPI description of Kubernetes: the kinds that the chart renders, without descriptions, and
 * with every field that is not described refused. The description is in the Go module of Kubernetes:
 *
 *   go mod download -json k8s.io/kubernetes@v1.34.0     # prints the folder as Dir
 *   node deploy/kubernetes/generateSchemas.mjs <folder>/api/openapi-spec/swagger.json
 */
const KINDS = [
  'apps/v1/Deployment',
  'apps/v1/StatefulSet',
  'autoscaling/v2/HorizontalPodAutoscaler',
  'batch/v1/CronJob',
  'batch/v1/Job',
  'networking.k8s.io/v1/Ingress',
  'networking.k8s.io/v1/NetworkPolicy',
  'policy/v1/PodDisruptionBudget',
  'v1/ConfigMap',
  'v1/Namespace',
  'v1/PersistentVolumeClaim',
  'v1/Service',
  'v1/ServiceAccount',
];

const [, , file] = process.argv;
if (file === undefined) throw new Error('usage: generateSchemas.mjs <swagger.json>');
const { info, definitions } = JSON.parse(readFileSync(file, 'utf8'));

const kept = {};
const kinds = {};
for (const kind of KINDS) {
  const [name] = Object.entries(definitions).find(([, { 'x-kubernetes-group-version-kind': all = [] }]) =>
    all.some((each) => [each.group, each.version, each.kind].filter((part) => part !== '').join('/') === kind),
  );
  kinds[kind] = name;
  keep(name);
}
const to = fileURLToPath(new URL('schemas.json', import.meta.url));
writeFileSync(to, `${JSON.stringify({ version: info.version, kinds, definitions: kept })}\n`);

function keep(name) {
  if (kept[name] !== undefined) return;
  kept[name] = {};
  Object.assign(kept[name], /[.]Quantity$/.test(name) ? { type: ['string', 'number'] } : closed(definitions[name]));
}

/** The schema without texts. */
function closed(schema) {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice('#/definitions/'.length);
    keep(name);
    return { $ref: schema.$ref };
  }
  const { type, properties, required, items, additionalProperties, format } = schema;
  if (format === 'int-or-string') return { type: ['string', 'integer'] };
  return {
    ...(type === undefined ? {} : { type }),
    ...(required === undefined ? {} : { required }),
    ...(items === undefined ? {} : { items: closed(items) }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, closed(value)])),
          additionalProperties: false,
        }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: closed(additionalProperties) }),
  };
}
