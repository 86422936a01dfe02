import { bucket, type Backbone } from '@pizzapi/backbone';
import { newId } from '@pizzapi/protocol';
import type { PartitionScope } from './partitionScope.js';
import type { RebuildProgress, SwapResult } from './rebuild.js';

/** A rebuild that somebody asked for, and how far it is. Kept beside the cursor, so that whoever folds carries it out. */
export interface RebuildRequest {
  id: string;
  state: 'asked' | 'folding' | 'done';
  progress?: RebuildProgress;
  result?: SwapResult;
}

const KEY = 'rebuild';
/** The scope of a log without partitions. */
const WHOLE: Pick<PartitionScope, 'partition' | 'partitions'> = { partition: 0, partitions: 1 };

const requests = (b: Backbone) => bucket<RebuildRequest>(b, 'projector');

/** Asks the active projector for a rebuild, or joins one that was asked for. Returns the id to watch for. */
export async function askForRebuild(b: Backbone): Promise<string> {
  const open = await openRequest(b);
  if (open !== undefined) return open.id;
  const id = newId('rebuild');
  await requests(b).put(KEY, { id, state: 'asked' });
  return id;
}

/** The latest rebuild that was asked for and is not done; with a scope, whose part of it is not done. */
export async function openRequest(b: Backbone, scope = WHOLE): Promise<RebuildRequest | undefined> {
  const request = (await requests(b).get(KEY))?.value;
  if (request === undefined || request.state === 'done') return undefined;
  if (scope.partitions === 1) return request;
  const part = (await requests(b).get(partKey(scope.partition)))?.value;
  return part?.id === request.id && part.state === 'done' ? undefined : request;
}

/** Says how far a rebuild is; with a scope, how far its part is. The rebuild is done when every part is. */
export async function tellProgress(b: Backbone, request: RebuildRequest, scope = WHOLE): Promise<void> {
  if (scope.partitions === 1) return void (await requests(b).put(KEY, request));
  await requests(b).put(partKey(scope.partition), request);
  for (;;) {
    // Read before the parts: of two projectors that end at once, the later write is of the one that saw both.
    const whole = await requests(b).get(KEY);
    if (whole === undefined || whole.value.id !== request.id || whole.value.state === 'done') return;
    const keys = Array.from({ length: scope.partitions }, (_, partition) => partKey(partition));
    const rows = await Promise.all(keys.map(async (key) => (await requests(b).get(key))?.value));
    const parts = rows.filter((part) => part?.id === request.id).filter((part) => part !== undefined);
    const next = summed(request.id, parts, scope.partitions);
    if ((await requests(b).update(KEY, next, whole.revision)).kind === 'stored') return;
  }
}

const partKey = (partition: number): string => `${KEY}.${partition}`;

/** The rebuild as a whole, from its parts. Pure. */
export function summed(id: string, parts: readonly RebuildRequest[], partitions: number): RebuildRequest {
  const sum = (values: readonly (number | undefined)[]): number =>
    values.reduce<number>((all, value) => all + (value ?? 0), 0);
  const progress = {
    folded: sum(parts.map((part) => part.progress?.folded)),
    of: sum(parts.map((part) => part.progress?.of)),
  };
  const isDone = parts.length === partitions && parts.every(({ state }) => state === 'done');
  if (!isDone) return { id, state: 'folding', progress };
  const changed = sum(parts.map((part) => part.result?.changed));
  const removed = sum(parts.map((part) => part.result?.removed));
  return { id, state: 'done', progress, result: { changed, removed } };
}

/** The request as it is, and every change of it. */
export async function* watchRequest(b: Backbone, signal: AbortSignal): AsyncGenerator<RebuildRequest, void, void> {
  for await (const change of requests(b).watch({ signal })) {
    if (change.kind === 'value' && change.key === KEY) yield change.value;
  }
}
