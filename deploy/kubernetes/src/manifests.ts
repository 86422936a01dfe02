import { CodedError, isMap, type UnknownMap } from '@pizzapi/protocol';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { labelsAt, listAt, mapAt, textAt } from './values.js';

/** An object for the Kubernetes API. `values.ts` reads what is inside. */
export interface Manifest extends UnknownMap {
  apiVersion: string;
  kind: string;
  metadata: UnknownMap;
}

/** What the chart renders and this repository keeps: a folder below `deploy/kustomize`. */
export const RENDERINGS = {
  base: 'base/manifests',
  production: 'overlays/production/manifests',
  runner: 'components/runner/manifests',
  backup: 'components/backup/manifests',
} as const;
export type Rendering = keyof typeof RENDERINGS;

/** Returns the folder `deploy`, in a checkout. */
export function deployFolder(): string {
  return join(dirname(fileURLToPath(import.meta.resolve('@pizzapi/kubernetes'))), '../..');
}

/** Returns the folder that holds a rendering. */
export function renderingFolder(rendering: Rendering): string {
  return join(deployFolder(), 'kustomize', RENDERINGS[rendering]);
}

/** Returns the objects that are kept of a rendering. */
export function readRendering(rendering: Rendering): Manifest[] {
  const folder = renderingFolder(rendering);
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
  return files.sort().flatMap((file) => parseManifests(readFileSync(join(folder, file), 'utf8')));
}

/** Returns the objects in a text of YAML. Throws `bad_option` for a document that is no object of Kubernetes. */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => {
      const [problem] = document.errors;
      if (problem !== undefined) throw new CodedError('bad_option', problem.message);
      const value: unknown = document.toJS();
      return value;
    })
    .filter((value) => value !== null && value !== undefined)
    .map((value) => {
      if (isManifest(value)) return value;
      throw new CodedError('bad_option', `No object of Kubernetes: ${JSON.stringify(value).slice(0, 100)}`);
    });
}

function isManifest(value: unknown): value is Manifest {
  if (!isMap(value) || !isMap(value['metadata'])) return false;
  return textAt(value, 'apiVersion') !== undefined && textAt(value, 'kind') !== undefined;
}

/** Returns `<kind>/<name>`. */
export function nameOf(manifest: Manifest): string {
  return `${manifest.kind}/${textAt(manifest, 'metadata.name')}`;
}

/** The pods that an object makes. */
export interface PodTemplate {
  owner: Manifest;
  /** `gateway`, `nats` and so on, from the label. */
  component: string;
  labels: Record<string, string>;
  spec: UnknownMap;
  containers: UnknownMap[];
}

const WORKLOADS = new Set(['Deployment', 'StatefulSet', 'Job', 'DaemonSet', 'CronJob', 'Pod']);

/** Returns the pods of all objects, in their order. */
export function podTemplatesOf(manifests: readonly Manifest[]): PodTemplate[] {
  return manifests
    .filter(({ kind }) => WORKLOADS.has(kind))
    .map((owner) => {
      const template = owner.kind === 'CronJob' ? 'spec.jobTemplate.spec.template' : 'spec.template';
      const labels = labelsAt(owner, `${template}.metadata.labels`);
      const spec = mapAt(owner, `${template}.spec`);
      const containers = [...listAt(spec, 'initContainers'), ...listAt(spec, 'containers')].filter(isMap);
      return { owner, component: labels['app.kubernetes.io/component'] ?? '', labels, spec, containers };
    });
}

/** Returns the pods of a component. Throws `bad_option` when no object makes them. */
export function podTemplateOf(manifests: readonly Manifest[], component: string): PodTemplate {
  const found = podTemplatesOf(manifests).find((pod) => pod.component === component);
  if (found === undefined) throw new CodedError('bad_option', `The chart renders no pods of ${component}`);
  return found;
}
