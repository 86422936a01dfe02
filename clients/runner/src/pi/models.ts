import { join } from 'node:path';
import {
  AuthStorage,
  createAgentSession,
  DefaultResourceLoader,
  getAgentDir,
  ModelRegistry,
  SessionManager,
  type SettingsManager,
} from '@mariozechner/pi-coding-agent';
import { errorInfo, type ErrorInfo, type MetaModelInfo, type RunnerModel } from '@pizzapi/protocol';
import { resolveConfigReferences, unsetText, unsetVariablesOf } from './configReferences.js';
import { DEMO_MODEL, DEMO_PROVIDER, registerDemoProvider } from './demo/provider.js';
import { readOnlySettings } from './settings.js';

export type Registry = ModelRegistry;
export type PiModel = ReturnType<ModelRegistry['getAll']>[number];

/** `provider/id` of a model. */
export const modelName = (model: Pick<PiModel, 'provider' | 'id'>) => `${model.provider}/${model.id}`;

export function toRunnerModel(model: PiModel, available: boolean): RunnerModel {
  const { name, reasoning, contextWindow } = model;
  return {
    model: modelName(model),
    name,
    available,
    reasoning,
    images: model.input.includes('image'),
    contextWindow,
  };
}

/** `problem`: the code of why the model cannot be used. */
export function toMetaModel(model: PiModel, problem?: string): MetaModelInfo {
  const { provider, id, name, reasoning, contextWindow } = model;
  return { provider, id, name, reasoning, contextWindow, ...(problem === undefined ? {} : { problem }) };
}

/** Finds `provider/id`; ids may hold slashes of their own. */
export function findModel(registry: ModelRegistry, name: string): PiModel | undefined {
  const slash = name.indexOf('/');
  return slash < 0 ? undefined : registry.find(name.slice(0, slash), name.slice(slash + 1));
}

/** Why a model cannot be used (`model_unknown`, `model_unauthenticated`), or undefined. */
export function modelProblem(registry: ModelRegistry, name: string): ErrorInfo | undefined {
  const model = findModel(registry, name);
  if (model === undefined) return errorInfo('model_unknown', `There is no model "${name}"`);
  return registry.hasConfiguredAuth(model) ? undefined : noKeyError(name, unsetVariablesOf(registry, model));
}

/** As `modelProblem`, with the keys and models that the person may have added since. */
export function freshModelProblem(registry: ModelRegistry, name: string): ErrorInfo | undefined {
  if (modelProblem(registry, name) === undefined) return undefined;
  registry.authStorage.reload();
  registry.refresh();
  return modelProblem(registry, name);
}

/** The error for a model without a key. `unset`: the variables that it refers to and that are not set. */
export function noKeyError(name: string, unset: readonly string[] = []): ErrorInfo {
  const why = unset.length === 0 ? '' : `: ${unsetText(unset)}`;
  return errorInfo('model_unauthenticated', `There is no key for "${name}"${why}`);
}

/** Where the key for a model comes from: `oauth`, `stored`, `environment`, `models_json_key` …; `demo` needs none. */
export function authSource(registry: ModelRegistry, model: PiModel): string | null {
  if (model.provider === DEMO_PROVIDER) return 'demo';
  if (registry.isUsingOAuth(model)) return 'oauth';
  return registry.getProviderAuthStatus(model.provider).source ?? null;
}

/**
 * The model a new session starts with: pi's own choice (the person's default, else the best that pi knows of those with
 * a key), and the demo model when there is no key for that.
 */
export async function initialModel(
  registry: ModelRegistry,
  settingsManager: SettingsManager,
  cwd: string,
  agentDir: string,
): Promise<PiModel | undefined> {
  // A loader that was not asked to load anything: the choice depends on keys and settings alone.
  const resourceLoader = new DefaultResourceLoader({ cwd, agentDir, settingsManager });
  const { session } = await createAgentSession({
    cwd,
    agentDir,
    authStorage: registry.authStorage,
    modelRegistry: registry,
    settingsManager,
    resourceLoader,
    sessionManager: SessionManager.inMemory(cwd),
    noTools: 'all',
  });
  const model = session.model as PiModel | undefined;
  session.dispose();
  if (model !== undefined && registry.hasConfiguredAuth(model)) return model;
  return findModel(registry, DEMO_MODEL);
}

/** The keys and models of a pi configuration, with the references that pi 1.x writes resolved. Only reads the files. */
export function modelServices(agentDir: string): { authStorage: AuthStorage; modelRegistry: ModelRegistry } {
  const authStorage = AuthStorage.create(join(agentDir, 'auth.json'));
  const modelsPath = join(agentDir, 'models.json');
  const modelRegistry = ModelRegistry.create(authStorage, modelsPath);
  resolveConfigReferences(modelRegistry, modelsPath);
  return { authStorage, modelRegistry };
}

/** What a runner registers with: the models it has keys for (the demo model always) and where a new session starts. */
export interface ModelList {
  models: RunnerModel[];
  /** `provider/id` */
  defaultModel: string;
  /** Which variables of the environment a model refers to that are not set, by `provider/id`. */
  unset?: Readonly<Record<string, readonly string[]>>;
}

/**
 * The models of a pi configuration (the person's own when left out). With `all` also those without a key, marked as not
 * available. Models that an extension brings are known to its sessions only.
 */
export async function listModels(agentDir = getAgentDir(), options: { all?: boolean } = {}): Promise<ModelList> {
  const { modelRegistry: registry } = modelServices(agentDir);
  registerDemoProvider(registry);
  const settings = readOnlySettings(agentDir, agentDir);
  const chosen = await initialModel(registry, settings, agentDir, agentDir);
  const models = options.all === true ? registry.getAll() : registry.getAvailable();
  const unset = models
    .map((model) => [modelName(model), unsetVariablesOf(registry, model)] as const)
    .filter(([, names]) => names.length > 0);
  return {
    models: models.map((model) => toRunnerModel(model, registry.hasConfiguredAuth(model))),
    defaultModel: chosen === undefined ? DEMO_MODEL : modelName(chosen),
    ...(unset.length === 0 ? {} : { unset: Object.fromEntries(unset) }),
  };
}
