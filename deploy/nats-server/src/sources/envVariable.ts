import type { InstallContext, InstallPlan, Source } from '../source.js';
import { inspect, rejectionReason } from '../version.js';

/** Uses the binary that `PIZZAPI_NATS_SERVER` names. A wrong name ends the search; see `Obtained.final`. */
export function envVariableSource({ env }: InstallContext): Source {
  const binary = env['PIZZAPI_NATS_SERVER'];
  const check = async (): Promise<InstallPlan> => {
    if (!binary) return { kind: 'unavailable', why: 'not set' };
    const inspection = await inspect(binary);
    if (inspection.kind === 'usable') return { kind: 'ready', binary, version: inspection.version };
    return { kind: 'unavailable', why: `${rejectionReason(binary, inspection)}; correct or unset the variable` };
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
