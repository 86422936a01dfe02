import { bucket, type Backbone } from '@pizzapi/backbone';
import { newId } from '@pizzapi/protocol';
import type { RebuildProgress, SwapResult } from './rebuild.js';

/** A rebuild that somebody asked for, and how far it is. Kept beside the cursor, so that whoever folds carries it out. */
export interface RebuildRequest {
  id: string;
  state: 'asked' | 'folding' | 'done';
  progress?: RebuildProgress;
  result?: SwapResult;
}

const KEY = 'rebuild';

const requests = (b: Backbone) => bucket<RebuildRequest>(b, 'projector');

/** Asks the active projector for a rebuild, or joins one that was asked for. Returns the id to watch for. */
export async function askForRebuild(b: Backbone): Promise<string> {
  const open = await openRequest(b);
  if (open !== undefined) return open.id;
  const id = newId('rebuild');
  await requests(b).put(KEY, { id, state: 'asked' });
  return id;
}

/** The latest rebuild that was asked for and is not done. */
export async function openRequest(b: Backbone): Promise<RebuildRequest | undefined> {
  const request = (await requests(b).get(KEY))?.value;
  return request === undefined || request.state === 'done' ? undefined : request;
}

/** Says how far a rebuild is. */
export async function tellProgress(b: Backbone, request: RebuildRequest): Promise<void> {
  await requests(b).put(KEY, request);
}

/** The request as it is, and every change of it. */
export async function* watchRequest(b: Backbone, signal: AbortSignal): AsyncGenerator<RebuildRequest, void, void> {
  for await (const change of requests(b).watch({ signal })) {
    if (change.kind === 'value' && change.key === KEY) yield change.value;
  }
}
