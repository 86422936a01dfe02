import { CodedError, isMap } from '@pizzapi/protocol';
import { basename, dirname } from 'node:path';
import { podTemplateOf, type Manifest } from './manifests.js';
import { at, listAt, textAt } from './values.js';

/** The value of a variable of a container: a text, the key of a Secret, or a field of the pod. */
export type Setting =
  { kind: 'text'; text: string } | { kind: 'secret'; key: string } | { kind: 'field'; path: string };

/** Ends the name of a variable that names the file of a secret. */
const FILE = '_FILE';

/**
 * Returns the variables of the process of a component by their names, as the chart sets them. A variable for the file of a
 * secret, such as `PIZZAPI_NATS_NKEY_FILE`, is the secret itself under the name without `_FILE`. Throws `bad_option` when the
 * pod does not mount this file.
 */
export function settingsOf(manifests: readonly Manifest[], component: string): Map<string, Setting> {
  const { containers, spec } = podTemplateOf(manifests, component);
  const container = containers.find((each) => textAt(each, 'name') === component);
  const settings = listAt(container, 'env').map((variable): [string, Setting] => {
    const name = textAt(variable, 'name') ?? '';
    const text = textAt(variable, 'value');
    const key = textAt(variable, 'valueFrom.secretKeyRef.key');
    const field = textAt(variable, 'valueFrom.fieldRef.fieldPath');
    if (text !== undefined && name.endsWith(FILE))
      return [name.slice(0, -FILE.length), { kind: 'secret', key: mountedKey(text, spec, container) }];
    if (text !== undefined) return [name, { kind: 'text', text }];
    if (key !== undefined) return [name, { kind: 'secret', key }];
    if (field !== undefined) return [name, { kind: 'field', path: field }];
    throw new CodedError('bad_option', `The variable ${name} of ${component} has no value`);
  });
  return new Map(settings);
}

/** Returns the key of the Secret that a container has as this file. */
function mountedKey(file: string, pod: unknown, container: unknown): string {
  const mount = listAt(container, 'volumeMounts').find((each) => textAt(each, 'mountPath') === dirname(file));
  const volume = listAt(pod, 'volumes').find((each) => textAt(each, 'name') === textAt(mount, 'name'));
  const item = listAt(volume, 'secret.items')
    .filter(isMap)
    .find((each) => textAt(each, 'path') === basename(file));
  const key = textAt(item, 'key');
  if (key === undefined) throw new CodedError('bad_option', `No Secret is mounted as ${file}`);
  return key;
}

/** Returns the configuration file of nats-server in a rendering. Throws `bad_option` when it has none. */
export function natsConfigOf(manifests: readonly Manifest[]): string {
  const texts = manifests.filter(({ kind }) => kind === 'ConfigMap').map((each) => at(each, ['data', 'nats.conf']));
  const text = texts.find((each) => each !== undefined);
  if (typeof text !== 'string') throw new CodedError('bad_option', 'The chart renders no nats.conf');
  return text;
}

/** Returns the image of nats-server in a rendering. */
export function natsImageOf(manifests: readonly Manifest[]): string | undefined {
  return textAt(podTemplateOf(manifests, 'nats').containers[0], 'image');
}
