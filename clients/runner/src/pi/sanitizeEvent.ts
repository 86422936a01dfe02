/** Deeper than this a value is cut off: extensions may put anything into `details`, cycles included. */
const MAX_DEPTH = 64;

const OPAQUE = new Set(['thinkingSignature', 'textSignature', 'thoughtSignature']);

function copy(value: unknown, depth: number, skip: (key: string) => boolean): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'number':
      return value;
    case 'bigint':
      return value.toString();
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value === null) return null;
  if (depth >= MAX_DEPTH) return undefined;
  if (Array.isArray(value)) return value.map((item) => copy(item, depth + 1, skip) ?? null);
  if (value instanceof Date) return value.toISOString();
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (skip(key)) continue;
    const copied = copy(item, depth + 1, skip);
    if (copied !== undefined) result[key] = copied;
  }
  return result;
}

/** A deep copy made of plain maps, arrays and scalars: what an event may hold. Functions and `undefined` are left out. */
export function toPlainData(value: unknown): unknown {
  return copy(value, 0, () => false);
}

type Map = Record<string, unknown>;
const isMap = (value: unknown): value is Map => typeof value === 'object' && value !== null && !Array.isArray(value);

/** `details` without the second copy of the output that pi's truncation report carries. */
function withoutTruncatedCopy(details: unknown): unknown {
  if (!isMap(details) || !isMap(details['truncation'])) return details;
  const { content: _content, ...truncation } = details['truncation'];
  return { ...details, truncation };
}

/** The result of a tool, as `tool_execution_end` carries it: content blocks and details. */
export function sanitizeToolResult(result: unknown): unknown {
  if (!isMap(result)) return toPlainData(result);
  return toPlainData({ ...result, details: withoutTruncatedCopy(result['details']) });
}

/**
 * A message as the log holds it: pi's own, minus the providers' opaque signatures (kilobytes that only the provider can
 * read) and the second copy of truncated output.
 */
export function sanitizeMessage(message: { role: string }): { role: string } & Map {
  const { content, details, ...rest } = message as { role: string } & Map;
  const blocks = Array.isArray(content)
    ? content.map((block: unknown) => copy(block, 1, (key) => OPAQUE.has(key)))
    : toPlainData(content);
  const cleaned = toPlainData(rest) as { role: string } & Map;
  if (blocks !== undefined) cleaned['content'] = blocks;
  const cleanDetails = toPlainData(withoutTruncatedCopy(details));
  if (cleanDetails !== undefined) cleaned['details'] = cleanDetails;
  return cleaned;
}
