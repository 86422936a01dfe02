import { keyRows, runnerOwnerKey, runnerOwnerRows, type Backbone } from '@pizzapi/backbone';
import type { RunnerRight } from '@pizzapi/protocol';

/** The rights of the token with which a runner connected last. Undefined: all. */
export async function rightsOfRunner(b: Backbone, rid: string): Promise<RunnerRight[] | undefined> {
  const keyHash = (await runnerOwnerRows(b).get(runnerOwnerKey(rid)))?.value.keyHash;
  return keyHash === undefined ? undefined : (await keyRows(b).get(keyHash))?.value.allow;
}
