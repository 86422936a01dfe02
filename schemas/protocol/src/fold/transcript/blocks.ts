import { arrayAt, isMap, mapAt, stringAt, type UnknownMap } from '../../json.js';
import type { BlobRef } from '../../messages.js';
import { newTool } from './state.js';
import type { Block, ToolBlock } from './types.js';

const NO_BLOBS: ReadonlyMap<string, BlobRef> = new Map();

/** Returns the blobs of an event by their JSON pointers. Total: skips invalid references. */
export function blobsOf(event: UnknownMap): ReadonlyMap<string, BlobRef> {
  if (event['blobs'] === undefined) return NO_BLOBS;
  const blobs = new Map<string, BlobRef>();
  for (const entry of arrayAt(event, 'blobs')) {
    if (!isMap(entry)) continue;
    const { path, blob, size, mediaType } = entry;
    if (
      typeof path === 'string' &&
      typeof blob === 'string' &&
      typeof size === 'number' &&
      typeof mediaType === 'string'
    ) {
      blobs.set(path, { blob, size, mediaType });
    }
  }
  return blobs;
}

/**
 * Converts pi's content, a text or a list of blocks, to our blocks. `path` is the JSON pointer of the content in its
 * event.
 */
export function blocksOf(content: unknown, path: string, blobs: ReadonlyMap<string, BlobRef>): Block[] {
  if (typeof content === 'string') return content === '' ? [] : [textBlock(content, blobs.get(path))];
  if (!Array.isArray(content)) return [];
  return content.map((block, index) => blockOf(block, `${path}/${index}`, blobs));
}

function blockOf(block: unknown, path: string, blobs: ReadonlyMap<string, BlobRef>): Block {
  if (!isMap(block)) return { kind: 'other', type: typeof block, value: block };
  switch (block['type']) {
    case 'text':
      return textBlock(stringAt(block, 'text') ?? '', blobs.get(`${path}/text`));
    case 'thinking':
      return withBlob({ kind: 'thinking', text: stringAt(block, 'thinking') ?? '' }, blobs.get(`${path}/thinking`));
    case 'image': {
      const blob = blobs.get(`${path}/data`);
      const mediaType = stringAt(block, 'mimeType') ?? '';
      return withBlob({ kind: 'image', mediaType, data: stringAt(block, 'data') ?? '' }, blob);
    }
    case 'toolCall':
      return {
        ...newTool(stringAt(block, 'id') ?? '', stringAt(block, 'name') ?? ''),
        args: mapAt(block, 'arguments') ?? {},
      };
    default:
      return { kind: 'other', type: stringAt(block, 'type') ?? 'unknown', value: block };
  }
}

function textBlock(text: string, blob: BlobRef | undefined): Block {
  return withBlob({ kind: 'text', text }, blob);
}

function withBlob<B extends Block>(block: B, blob: BlobRef | undefined): B {
  return blob === undefined ? block : { ...block, blob };
}

/** Returns a finished block with the state of its tool run, because a run can begin before its message has ended. */
export function keepRun(block: Block, earlier: ToolBlock | undefined): Block {
  if (block.kind !== 'tool' || earlier === undefined) return block;
  const state = earlier.state === 'writing' ? 'pending' : earlier.state;
  return { ...earlier, toolName: block.toolName, args: block.args, json: '', state };
}
