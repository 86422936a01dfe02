import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as sdk from '@mariozechner/pi-coding-agent';
import type { ModelRegistry } from '@mariozechner/pi-coding-agent';
import { isMap, mapAt, stringAt, type UnknownMap } from '@pizzapi/protocol';
import { unsetText } from '../../noKeyError.js';
import { hasReference, resolveReferences as resolveValue } from '../configValues.js';

type Model = Parameters<ModelRegistry['hasConfiguredAuth']>[0];
type Named = Pick<Model, 'provider' | 'id'>;
type Headers = Record<string, string>;

/** What a provider that an extension registers says of its requests. */
interface Registered {
  apiKey?: string;
  headers?: Headers;
  authHeader?: boolean;
  models?: readonly { id: string; headers?: Headers }[];
}

type RequestAuth = { ok: true; apiKey?: string; headers?: Headers } | { ok: false; error: string };

/** What this file uses of the registry of pi 0.73 and of its keys. pi 1.x resolves references by itself. */
interface Keys {
  get(provider: string): object | undefined;
  hasAuth(provider: string): boolean;
  getApiKey(provider: string, options?: { includeFallback?: boolean }): Promise<string | undefined>;
}
interface Registry {
  readonly authStorage: Keys;
  hasConfiguredAuth(model: Named): boolean;
  getApiKeyForProvider(provider: string): Promise<string | undefined>;
  getApiKeyAndHeaders(model: Named): Promise<RequestAuth>;
  getProviderAuthStatus(provider: string): { configured: boolean; source?: string };
  registerProvider(name: string, config: Registered): void;
  unregisterProvider(name: string): void;
  refresh(): void;
}

/** Comments and commas in front of a closing bracket, which pi allows in its files; and texts, which may look like them. */
const COMMENTS = /"(?:\\.|[^"\\])*"|\/\/[^\n]*/g;
const TRAILING_COMMAS = /"(?:\\.|[^"\\])*"|,(\s*[}\]])/g;

/** The providers of a `models.json`; empty where it cannot be read, which pi reports. */
function providersOf(path: string): UnknownMap {
  try {
    const text = readFileSync(path, 'utf8')
      .replace(COMMENTS, (part) => (part.startsWith('"') ? part : ''))
      .replace(TRAILING_COMMAS, (part: string, end?: string) => end ?? part);
    const file: unknown = JSON.parse(text);
    return (isMap(file) ? mapAt(file, 'providers') : undefined) ?? {};
  } catch {
    return {};
  }
}

const headersIn = (map: UnknownMap | undefined): Headers =>
  Object.fromEntries(
    Object.entries((map === undefined ? undefined : mapAt(map, 'headers')) ?? {}).filter(
      (header): header is [string, string] => typeof header[1] === 'string',
    ),
  );

/** The values of a provider as they are written, before pi resolves them. */
interface RawProvider {
  apiKey?: string | undefined;
  headers: Headers;
  authHeader: boolean;
}

/** Returns the names of the variables that a model needs and that are not set. */
type UnsetVariables = (model: Named) => string[];

const unsetVariables = new WeakMap<object, UnsetVariables>();

/** The variables that the keys and headers of a model refer to and that are not set. */
export function unsetVariablesOf(registry: ModelRegistry, model: Named): string[] {
  return unsetVariables.get(registry)?.(model) ?? [];
}

/**
 * Has a registry of pi 0.73 resolve `$NAME` in keys and headers as pi 1.x does, wherever they come from: `auth.json`,
 * `models.json`, an extension. pi 0.73 by itself sends these letters to the provider. A model whose variable is not set
 * counts as one without a key. The person's files are only read. Call it before extensions register their providers.
 */
function resolveConfigReferences(registry: Registry, modelsPath: string): void {
  if (unsetVariables.has(registry)) return;
  const { authStorage } = registry;
  const registered = new Map<string, Registered>();
  let file = providersOf(modelsPath);

  const rawProvider = (name: string): RawProvider => {
    const { apiKey, headers, authHeader } = registered.get(name) ?? {};
    // As in pi: what an extension registers replaces what the file says, unless it says nothing of the request.
    if (apiKey !== undefined || headers !== undefined || authHeader === true)
      return { apiKey, headers: headers ?? {}, authHeader: authHeader === true };
    const map = mapAt(file, name);
    if (map === undefined) return { headers: {}, authHeader: false };
    return { apiKey: stringAt(map, 'apiKey'), headers: headersIn(map), authHeader: map['authHeader'] === true };
  };
  const modelHeaders = ({ provider, id }: Named): Headers => {
    const models = registered.get(provider)?.models;
    if (models !== undefined) return models.find((model) => model.id === id)?.headers ?? {};
    const map = mapAt(file, provider);
    const defined: unknown[] = Array.isArray(map?.['models']) ? map['models'] : [];
    const own = defined.find((model): model is UnknownMap => isMap(model) && model['id'] === id);
    const overrides = map === undefined ? undefined : mapAt(map, 'modelOverrides');
    return headersIn(own ?? (overrides === undefined ? undefined : mapAt(overrides, id)));
  };
  const storedKey = (provider: string): { key?: string; env?: Record<string, string> } => {
    const credential: object | undefined = authStorage.get(provider);
    if (!isMap(credential) || credential['type'] !== 'api_key') return {};
    const key = stringAt(credential, 'key');
    const env = mapAt(credential, 'env') ?? {};
    const texts = Object.entries(env).filter((each): each is [string, string] => typeof each[1] === 'string');
    return { ...(key === undefined ? {} : { key }), env: Object.fromEntries(texts) };
  };
  const namesUnset = (value: string | undefined, env?: Record<string, string>): string[] => {
    if (!hasReference(value)) return [];
    const resolved = resolveValue(value, env);
    return resolved.kind === 'unset' ? resolved.names : [];
  };

  const original = {
    find: registry.getProviderAuthStatus.bind(registry),
    hasAuth: registry.hasConfiguredAuth.bind(registry),
    request: registry.getApiKeyAndHeaders.bind(registry),
    providerKey: registry.getApiKeyForProvider.bind(registry),
    register: registry.registerProvider.bind(registry),
    unregister: registry.unregisterProvider.bind(registry),
    refresh: registry.refresh.bind(registry),
    key: authStorage.getApiKey.bind(authStorage),
  };

  const unset: UnsetVariables = (model) => {
    const { key, env } = storedKey(model.provider);
    const raw = rawProvider(model.provider);
    const ofKey =
      key !== undefined ? namesUnset(key, env) : authStorage.hasAuth(model.provider) ? [] : namesUnset(raw.apiKey);
    const ofHeaders = Object.values({ ...raw.headers, ...modelHeaders(model) });
    return [...new Set([...ofKey, ...ofHeaders.flatMap((value) => namesUnset(value, env))])];
  };
  unsetVariables.set(registry, unset);

  authStorage.getApiKey = async (provider, options) => {
    const { key, env } = storedKey(provider);
    const found = await original.key(provider, options);
    // Another key, such as one for this process alone, wins over the stored one.
    if (found === undefined || found !== key || !hasReference(key)) return found;
    const resolved = resolveValue(key, env);
    return resolved.kind === 'resolved' ? resolved.value : undefined;
  };

  /** The key of `models.json` or an extension, where it has references and no other key comes first. */
  const configuredKey = async (provider: string): Promise<string | undefined> => {
    const { apiKey } = rawProvider(provider);
    if (!hasReference(apiKey)) return undefined;
    if ((await authStorage.getApiKey(provider, { includeFallback: false })) !== undefined) return undefined;
    const resolved = resolveValue(apiKey);
    return resolved.kind === 'resolved' ? resolved.value : undefined;
  };

  registry.getApiKeyForProvider = async (provider) => {
    if (!hasReference(rawProvider(provider).apiKey)) return original.providerKey(provider);
    return (await authStorage.getApiKey(provider, { includeFallback: false })) ?? configuredKey(provider);
  };

  // Most of pi's models have no key at all, which pi finds out sooner.
  registry.hasConfiguredAuth = (model) => original.hasAuth(model) && unset(model).length === 0;

  registry.getApiKeyAndHeaders = async (model) => {
    const names = unset(model);
    if (names.length > 0) return { ok: false, error: `No API key: ${unsetText(names)}` };
    const request = await original.request(model);
    if (!request.ok) return request;
    const raw = rawProvider(model.provider);
    const key = (await configuredKey(model.provider)) ?? request.apiKey;
    const headers: Headers = { ...request.headers };
    const { env } = storedKey(model.provider);
    for (const [name, value] of Object.entries({ ...raw.headers, ...modelHeaders(model) })) {
      if (!hasReference(value)) continue;
      const resolved = resolveValue(value, env);
      if (resolved.kind === 'resolved') headers[name] = resolved.value;
    }
    if (raw.authHeader && key !== undefined) headers['Authorization'] = `Bearer ${key}`;
    return {
      ...request,
      ...(key === undefined ? {} : { apiKey: key }),
      ...(Object.keys(headers).length === 0 ? {} : { headers }),
    };
  };

  registry.getProviderAuthStatus = (provider) => {
    const status = original.find(provider);
    const { apiKey } = rawProvider(provider);
    if (status.source !== 'models_json_key' || !hasReference(apiKey)) return status;
    return namesUnset(apiKey).length > 0 ? { configured: false } : { configured: true, source: 'environment' };
  };

  registry.registerProvider = (name, config) => {
    original.register(name, config);
    const said = Object.entries(config).filter(([, value]) => value !== undefined);
    registered.set(name, { ...registered.get(name), ...Object.fromEntries(said) });
  };
  registry.unregisterProvider = (name) => {
    registered.delete(name);
    original.unregister(name);
  };
  registry.refresh = () => {
    file = providersOf(modelsPath);
    original.refresh();
  };
}

/** The file of a pi configuration that names providers and models. */
const MODELS = 'models.json';

type Made = { create(...parts: unknown[]): unknown };
const isMade = (value: unknown): value is Made => typeof value === 'function' && 'create' in value;
const isRegistry = (value: unknown): value is Registry => value instanceof sdk.ModelRegistry && 'authStorage' in value;

/**
 * The keys and models of a pi configuration, as options for its services. pi 0.73 gets them made ahead, with the
 * references that pi 1.x writes resolved. pi 1.x gets nothing: it resolves them by itself. Only reads the files.
 */
export function modelServices(agentDir: string): object {
  const storage: unknown = Reflect.get(sdk, 'AuthStorage');
  const registry: unknown = sdk.ModelRegistry;
  if (!isMade(storage) || !isMade(registry)) return {};
  const authStorage = storage.create(join(agentDir, 'auth.json'));
  const modelRegistry = registry.create(authStorage, join(agentDir, MODELS));
  resolveReferences(modelRegistry, agentDir);
  return { authStorage, modelRegistry };
}

/** Has the registry of a pi 0.73 that exists already resolve the references that pi 1.x writes. */
export function resolveReferences(registry: unknown, agentDir: string): void {
  if (isRegistry(registry)) resolveConfigReferences(registry, join(agentDir, MODELS));
}
