import type { MetaProviderUsage } from '@pizzapi/protocol';

/** Headers of one answer that are kept. */
const MAX_KEPT = 32;
const RATE_LIMIT = /^(?:anthropic-|x-)?ratelimit-(.+)$/;

/**
 * What a provider says of its limits in the headers of an answer (`x-ratelimit-*`, `anthropic-ratelimit-*`, IETF
 * `ratelimit-*`, `retry-after`), under the names it uses itself; numbers where they are numbers. Undefined when it
 * says nothing.
 */
export function rateLimitsOf(headers: Readonly<Record<string, string>>): Record<string, unknown> | undefined {
  const limits: Record<string, unknown> = {};
  for (const [header, value] of Object.entries(headers)) {
    const lower = header.toLowerCase();
    const name = lower === 'retry-after' ? lower : RATE_LIMIT.exec(lower)?.[1];
    if (name === undefined || Object.keys(limits).length >= MAX_KEPT) continue;
    limits[name] = /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  }
  return Object.keys(limits).length === 0 ? undefined : limits;
}

/** The usage of all providers with one of them brought up to date; `at` is when it said so, ms since epoch. */
export function withLimits(
  usage: MetaProviderUsage | undefined,
  provider: string,
  limits: Record<string, unknown>,
  at: number,
): MetaProviderUsage {
  return { ...usage, [provider]: { ...limits, at } };
}
