import type { ApiResult } from '@pizzapi/session-client';
import { toasts } from './toasts.svelte.js';

/** Waits for what a button asked for and says how it went. True when it is done. */
export async function reportResult(request: Promise<ApiResult<unknown>>, said?: string): Promise<boolean> {
  const answer = await request;
  if (answer.kind === 'failed') toasts.error(answer.error);
  else if (said !== undefined) toasts.info(said);
  return answer.kind === 'ok';
}
