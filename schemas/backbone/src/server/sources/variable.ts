import type { Context, Plan, Source } from '../source.js';
import { complaint, inspect } from '../version.js';

/** The binary that `PIZZAPI_NATS_SERVER` names. A wrong name ends the search: see `Obtained.final`. */
export function variableSource({ env }: Context): Source {
  const binary = env['PIZZAPI_NATS_SERVER'];
  const check = async (): Promise<Plan> => {
    if (!binary) return { kind: 'unavailable', why: 'not set' };
    const inspection = await inspect(binary);
    if (inspection.kind === 'usable') return { kind: 'ready', binary, version: inspection.version };
    return { kind: 'unavailable', why: `${complaint(binary, inspection)}; correct the variable or unset it` };
  };
  return {
    name: 'PIZZAPI_NATS_SERVER',
    check,
    async obtain() {
      const plan = await check();
      if (plan.kind === 'ready') return { ...plan, kind: 'found' };
      return { kind: 'failed', why: plan.kind === 'unavailable' ? plan.why : plan.what, final: Boolean(binary) };
    },
  };
}
