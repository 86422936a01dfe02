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
