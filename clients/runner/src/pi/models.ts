import {
  createAgentSessionFromServices,
  createAgentSessionServices,
  DefaultResourceLoader,
  getAgentDir,
  SessionManager,
  type AgentSession,
  type AgentSessionServices,
  type ModelRegistry,
} from '@mariozechner/pi-coding-agent';
import { errorInfo, type ErrorInfo, type MetaModelInfo, type RunnerModel } from '@pizzapi/protocol';
import type { ModelList } from '../ipc/messages.js';
import { noKeyError } from '../noKeyError.js';
import { DEMO_MODEL, DEMO_PROVIDER, registerDemoProvider } from './demo/provider.js';
import { readOnlySettings } from './settings.js';
import { modelServices, unsetVariablesOf } from './versions/configReferences.js';
import { modelRegistryOf, reloadModels } from './versions/modelRegistry.js';

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
export async function freshModelProblem(pi: AgentSession, name: string): Promise<ErrorInfo | undefined> {
  if (modelProblem(modelRegistryOf(pi), name) === undefined) return undefined;
  await reloadModels(pi);
  return modelProblem(modelRegistryOf(pi), name);
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
export async function initialModel(services: AgentSessionServices): Promise<PiModel | undefined> {
  const { cwd, agentDir, settingsManager } = services;
  // A loader that was not asked to load anything: the choice depends on keys and settings alone.
  const resourceLoader = new DefaultResourceLoader({ cwd, agentDir, settingsManager });
  const { session } = await createAgentSessionFromServices({
    services: { ...services, resourceLoader },
    sessionManager: SessionManager.inMemory(cwd),
    noTools: 'all',
  });
  const model = session.model as PiModel | undefined;
  session.dispose();
  const registry = modelRegistryOf(services);
  if (model !== undefined && registry.hasConfiguredAuth(model)) return model;
  return findModel(registry, DEMO_MODEL);
}

/** The configuration of pi without its extensions, skills and so on. */
export function bareServices(agentDir: string): Promise<AgentSessionServices> {
  return createAgentSessionServices({
    ...modelServices(agentDir),
    cwd: agentDir,
    agentDir,
    settingsManager: readOnlySettings(agentDir, agentDir, () => false),
    resourceLoaderOptions: {
      noExtensions: true,
      noSkills: true,
      noContextFiles: true,
      noPromptTemplates: true,
      noThemes: true,
      extensionFactories: [],
    },
  });
}

/**
 * The models of a pi configuration (the person's own when left out). With `all` also those without a key, marked as not
 * available. Models that an extension brings are known to its sessions only.
 */
export async function listModels(agentDir = getAgentDir(), options: { all?: boolean } = {}): Promise<ModelList> {
  const services = await bareServices(agentDir);
  const registry = modelRegistryOf(services);
  registerDemoProvider(registry);
  const chosen = await initialModel(services);
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
