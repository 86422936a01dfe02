import type { RunnerModel } from '@pizzapi/protocol';

/** The models by provider: those that can be used first. */
export function modelsByProvider(models: readonly RunnerModel[]): { provider: string; models: RunnerModel[] }[] {
  const providers = new Map<string, RunnerModel[]>();
  for (const model of models) {
    const provider = model.model.split('/')[0]!;
    providers.set(provider, [...(providers.get(provider) ?? []), model]);
  }
  const usable = (group: readonly RunnerModel[]) => group.some(({ available }) => available);
  return [...providers]
    .map(([provider, group]) => ({ provider, models: group.sort((a, b) => Number(b.available) - Number(a.available)) }))
    .sort((a, b) => Number(usable(b.models)) - Number(usable(a.models)) || a.provider.localeCompare(b.provider));
}
