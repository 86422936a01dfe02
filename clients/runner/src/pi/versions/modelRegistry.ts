import { ModelRegistry, type AgentSession, type AgentSessionServices } from '@mariozechner/pi-coding-agent';

/**
 * The models and keys of a session or of its services. pi 0.73 hands out a registry. pi 1.x hands out its model runtime,
 * and has the registry as a view of it, which it makes for extensions only.
 */
export function modelRegistryOf(owner: AgentSession | AgentSessionServices): ModelRegistry {
  const registry: unknown = Reflect.get(owner, 'modelRegistry');
  if (registry instanceof ModelRegistry) return registry;
  // The constructor is private in the declarations of 0.73, where it takes something else.
  const view: unknown = Reflect.construct(ModelRegistry, [Reflect.get(owner, 'modelRuntime')]);
  if (view instanceof ModelRegistry) return view;
  throw new TypeError('This version of pi has no registry of models');
}

/** Reads the keys and models of the person again. Resolves when the registry has them. */
export async function reloadModels(owner: AgentSession): Promise<void> {
  const registry = modelRegistryOf(owner);
  // pi 1.x reads its keys whenever it needs one.
  const keys: unknown = Reflect.get(registry, 'authStorage');
  if (hasReload(keys)) keys.reload();
  // A promise since pi 1.x only.
  const refreshed: unknown = registry.refresh();
  await Promise.resolve(refreshed);
}

const hasReload = (value: unknown): value is { reload: () => void } =>
  typeof value === 'object' && value !== null && 'reload' in value && typeof value.reload === 'function';
