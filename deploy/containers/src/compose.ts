import { isMap, type UnknownMap } from '@pizzapi/protocol';
import { parse } from 'yaml';

/** Returns the text of a compose file as a value, with its anchors and merge keys resolved. */
export function parseCompose(text: string): UnknownMap {
  const value: unknown = parse(text, { merge: true });
  return isMap(value) ? value : {};
}

/** A service of a compose file, reduced to what the rules read. */
export interface ComposeService {
  name: string;
  value: UnknownMap;
  /** The target of the Dockerfile, for an image of ours. */
  target: string | undefined;
  profiles: string[];
  networks: string[];
  /** The names of secrets in the top-level list. */
  secrets: string[];
  /** Where each secret is in the container. */
  secretPaths: string[];
  environment: Record<string, string>;
}

const mapAt = (value: UnknownMap, key: string): UnknownMap => {
  const found = value[key];
  return isMap(found) ? found : {};
};
const listAt = (value: UnknownMap, key: string): unknown[] => {
  const found = value[key];
  return Array.isArray(found) ? (found as unknown[]) : [];
};
const textOf = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? `${value}` : '');

export function servicesOf(compose: UnknownMap): ComposeService[] {
  return Object.entries(mapAt(compose, 'services')).map(([name, service]) => {
    const value = isMap(service) ? service : {};
    const target = textOf(mapAt(value, 'build')['target']);
    const secrets = listAt(value, 'secrets').map((secret) => {
      const source = isMap(secret) ? textOf(secret['source']) : textOf(secret);
      return { source, path: (isMap(secret) && textOf(secret['target'])) || `/run/secrets/${source}` };
    });
    return {
      ...{ name, value },
      target: target === '' ? undefined : target,
      profiles: listAt(value, 'profiles').map(textOf),
      networks: Array.isArray(value['networks'])
        ? listAt(value, 'networks').map(textOf)
        : Object.keys(mapAt(value, 'networks')),
      secrets: secrets.map(({ source }) => source),
      secretPaths: secrets.map(({ path }) => path),
      environment: Object.fromEntries(
        Object.entries(mapAt(value, 'environment')).map(([variable, text]) => [variable, textOf(text)]),
      ),
    };
  });
}

/** What the rules need to know of the product. */
export interface ComposeKnowledge {
  /** Targets of the Dockerfile. */
  targets: readonly string[];
  /** Every variable of ours that a process reads, and for secrets that with `_FILE`. */
  variables: readonly string[];
  /** The files that `pizzapi credentials` writes, and the token of a runner. */
  files: readonly string[];
  profiles: readonly string[];
}

/** Returns what is wrong with a compose file. */
export function composeProblems(compose: UnknownMap, known: ComposeKnowledge): string[] {
  const services = servicesOf(compose);
  return [
    ...services.flatMap((service) => serviceProblems(service, compose, known)),
    ...unused(compose, services, known),
  ];
}

function serviceProblems({ name, value, ...service }: ComposeService, compose: UnknownMap, known: ComposeKnowledge) {
  const { target, profiles, networks, secrets, secretPaths, environment } = service;
  const names = Object.keys(mapAt(compose, 'services'));
  const topLevel = (key: string) => Object.keys(mapAt(compose, key));
  const volumes = listAt(value, 'volumes')
    .flatMap((volume) => textOf(volume).split(':', 1))
    .filter(Boolean);
  const configs = listAt(value, 'configs').map((config) => (isMap(config) ? textOf(config['source']) : textOf(config)));
  const missing = (what: string, used: readonly string[], there: readonly string[]) =>
    used.filter((one) => !there.includes(one)).map((one) => `${name} uses the ${what} ${one}, which the file lacks`);
  const files = Object.entries(environment).filter(([variable]) => variable.endsWith('_FILE'));
  const ours = Object.keys(environment).filter((variable) => variable.startsWith('PIZZAPI_'));
  const published = listAt(value, 'ports').map(textOf);
  return [
    ...(value['read_only'] === true ? [] : [`${name} can write to its image`]),
    ...(listAt(value, 'cap_drop').includes('ALL') ? [] : [`${name} keeps capabilities`]),
    ...(listAt(value, 'security_opt').includes('no-new-privileges:true') ? [] : [`${name} can gain privileges`]),
    ...(value['privileged'] === undefined ? [] : [`${name} is privileged`]),
    ...(profiles.length > 0 ? [] : [`${name} has no profile`]),
    ...profiles.filter((one) => !known.profiles.includes(one)).map((one) => `${name} has the unknown profile ${one}`),
    ...(target === undefined || known.targets.includes(target)
      ? []
      : [`${name} is built for the unknown target ${target}`]),
    ...(target === undefined
      ? []
      : ours
          .filter((one) => !known.variables.includes(one))
          .map((one) => `${name} sets ${one}, which no process reads`)),
    ...Object.keys(mapAt(value, 'depends_on'))
      .filter((one) => !names.includes(one))
      .map((one) => `${name} waits for ${one}, which the file lacks`),
    ...missing('secret', secrets, topLevel('secrets')),
    ...missing('network', networks, topLevel('networks')),
    ...missing('volume', volumes, topLevel('volumes')),
    ...missing('config', configs, topLevel('configs')),
    ...files
      .filter(([, path]) => !secretPaths.includes(path))
      .map(([one]) => `${name} has no secret at the path of ${one}`),
    ...published.filter((port) => /:9464$/.test(port)).map((port) => `${name} publishes metrics at ${port}`),
  ];
}

/** Returns what the file defines and no service uses, and files of secrets that no command writes. */
function unused(compose: UnknownMap, services: readonly ComposeService[], { files }: ComposeKnowledge): string[] {
  const text = JSON.stringify(services.map(({ value }) => value));
  const idle = ['secrets', 'configs', 'volumes', 'networks'].flatMap((key) =>
    Object.keys(mapAt(compose, key))
      .filter((one) => !new RegExp(`"${one.replaceAll('.', '\\.')}[":]`).test(text))
      .map((one) => `no service uses ${one} of ${key}`),
  );
  const secrets = Object.entries(mapAt(compose, 'secrets')).flatMap(([name, secret]) => {
    const file = isMap(secret) ? textOf(secret['file']) : '';
    return file === `./secrets/${name}` && files.includes(name)
      ? []
      : [`no command writes ${file} for the secret ${name}`];
  });
  return [...idle, ...secrets];
}
