import type { Backbone } from '@pizzapi/backbone';
import { askForRebuild, watchRequest, type RebuildRequest } from './rebuildRequest.js';

/** Asks for a rebuild and says on stderr how far it is, until it is done or the signal aborts. */
export async function followRebuild(b: Backbone, signal: AbortSignal): Promise<void> {
  const id = await askForRebuild(b);
  for await (const request of watchRequest(b, signal)) {
    if (request.id !== id) continue;
    process.stderr.write(`${progressLine(request)}\n`);
    if (request.state === 'done') return;
  }
}

/** One line of progress. */
export function progressLine({ state, progress, result }: RebuildRequest): string {
  if (state === 'asked') return 'rebuild: requested';
  if (state === 'done') return `rebuild: done, ${result?.changed ?? 0} rows changed, ${result?.removed ?? 0} removed`;
  const { folded = 0, of = 0 } = progress ?? {};
  const percent = of === 0 ? 100 : Math.floor((100 * folded) / of);
  return `rebuild: projected offset ${folded} of ${of} (${percent} %)`;
}
