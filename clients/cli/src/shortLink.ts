import { Failure } from './io.js';
import { parseShortLink } from './sessionLink.js';
import { gatewayApi } from '@pizzapi/runner/access';

/** Returns the share link of a short address, which its gateway knows. Returns any other text unchanged. */
export async function expandShortLink(named: string): Promise<string> {
  const short = parseShortLink(named);
  if (short === undefined) return named;
  const { relayUrl, code } = short;
  const opened = await gatewayApi({ url: relayUrl }).openShare(code);
  if (opened.kind === 'failed') throw new Failure(opened.error);
  const { sessionId, token } = opened.value;
  return `${relayUrl}/s/${sessionId}#share=${token}`;
}
