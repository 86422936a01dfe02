import { encode } from './codec.js';
import { isMap } from './json.js';
import type { PlacedBlob } from './messages.js';
import { cutText } from './text.js';

/** Strings above this number of bytes are stored as blobs instead of in the log (docs/protocol/log.md). */
export const BLOB_THRESHOLD = 128 * 1024;

/** Maximum size of an event in bytes. nats-server refuses a message above 1 MiB. */
export const MAX_EVENT_BYTES = 900 * 1024;

/** The number of characters of a long text that stay in the event as a preview for readers without the blob. */
export const BLOB_PREVIEW = 2_000;

/** A part of an event that is stored as a blob. */
export interface ExternalPart {
  /** JSON pointer into the event. */
  path: string;
  bytes: Uint8Array;
  mediaType: string;
}

/**
 * Splits parts that are too large off an event: long strings. A short preview of a text stays; base64 image data is
 * decoded and leaves an empty string. Returns the same object when there is nothing to split off. The caller stores
 * each part and adds `blobs: PlacedBlob[]` to the event with `placeBlobs`.
 */
export function externalize<E extends object>(event: E): { event: E; parts: ExternalPart[] } {
  let threshold = BLOB_THRESHOLD;
  for (;;) {
    const parts: ExternalPart[] = [];
    const smaller = split(event, '', threshold, parts) as E;
    if (threshold <= BLOB_PREVIEW * 2 || encode(smaller).byteLength <= MAX_EVENT_BYTES)
      return { event: smaller, parts };
    threshold /= 4;
  }
}

/** Returns the event with references to its stored parts. */
export function placeBlobs<E extends object>(event: E, blobs: readonly PlacedBlob[]): E {
  return blobs.length === 0 ? event : { ...event, blobs };
}

function split(value: unknown, path: string, threshold: number, parts: ExternalPart[]): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item, index) => split(item, `${path}/${index}`, threshold, parts));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (!isMap(value)) return typeof value === 'string' ? splitText(value, path, threshold, parts) : value;
  const image =
    typeof value['mimeType'] === 'string' && typeof value['data'] === 'string' ? value['mimeType'] : undefined;
  let changed: Record<string, unknown> | undefined;
  for (const [key, item] of Object.entries(value)) {
    const pointer = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const next =
      image !== undefined && key === 'data'
        ? splitImage(item as string, image, pointer, threshold, parts)
        : split(item, pointer, threshold, parts);
    if (next !== item) (changed ??= { ...value })[key] = next;
  }
  return changed ?? value;
}

function splitText(text: string, path: string, threshold: number, parts: ExternalPart[]): string {
  // A code unit has at most three bytes of UTF-8, so a short string does not have to be encoded to be measured.
  if (text.length * 3 <= threshold) return text;
  const bytes = new TextEncoder().encode(text);
  if (bytes.byteLength <= threshold) return text;
  parts.push({ path, bytes, mediaType: 'text/plain; charset=utf-8' });
  return `${cutText(text, BLOB_PREVIEW)}…`;
}

function splitImage(data: string, mediaType: string, path: string, threshold: number, parts: ExternalPart[]): string {
  if (data.length <= threshold) return data;
  const bytes = decodeBase64(data);
  if (bytes === undefined) return splitText(data, path, threshold, parts);
  parts.push({ path, bytes, mediaType });
  return '';
}

function decodeBase64(data: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}
