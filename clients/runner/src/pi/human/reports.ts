import type { ExtensionAPI } from '@mariozechner/pi-coding-agent';
import { isMap, isSessionEvent, type MetaProviderUsage, type SessionEvent } from '@pizzapi/protocol';
import { rateLimitsOf, withLimits } from '../../human/providerUsage.js';
import { toPlainData } from '../sanitizeEvent.js';

/** Where an MCP adapter (an extension of the person) says on pi's event bus how its servers started. */
const MCP_CHANNEL = 'mcp:startup_report';

/** Passes on what is said anyway and nobody else passes on: limits of the providers, the start of MCP servers. */
export function reports(
  pi: ExtensionAPI,
  emit: (event: SessionEvent) => void,
  onProviderUsage: (usage: MetaProviderUsage) => void,
): void {
  let usage: MetaProviderUsage | undefined;
  pi.on('after_provider_response', ({ headers }, ctx) => {
    const limits = rateLimitsOf(headers);
    const provider = ctx.model?.provider;
    if (limits === undefined || provider === undefined) return;
    usage = withLimits(usage, provider, limits, Date.now());
    onProviderUsage(usage);
  });
  const stop = pi.events.on(MCP_CHANNEL, (data) => {
    const said = toPlainData(data);
    if (!isMap(said)) return;
    const { type: _type, ...report } = said;
    const event: unknown = { type: 'mcp_startup_report', at: Date.now(), report };
    if (isSessionEvent(event)) emit(event);
  });
  pi.on('session_shutdown', () => stop());
}
