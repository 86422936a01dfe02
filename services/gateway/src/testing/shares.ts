import type { NewShareReply, ShareMode } from '@pizzapi/protocol';
import type { GatewayScenario } from './scenario.js';

/** Makes a link to a session of the owner's, or of who holds `token`. */
export async function share(
  s: GatewayScenario,
  sid: string,
  mode: ShareMode = 'read',
  token?: string,
): Promise<NewShareReply> {
  const path = `/api/sessions/${sid}/shares`;
  const answer = await s.fetch(path, { method: 'POST', json: { mode }, ...(token === undefined ? {} : { token }) });
  return (await answer.json()) as NewShareReply;
}
