/**
 * Reads one number out of a msgpack map without decoding the rest: keys and values that are not asked for are stepped
 * over. Returns undefined for anything that is no map, has no such number, or ends early.
 */
export function peekNumber(bytes: Uint8Array, key: string): number | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const first = view.readUInt8(0);
    const [count, start] =
      (first & 0xf0) === 0x80
        ? [first & 0x0f, 1]
        : first === 0xde
          ? [view.readUInt16BE(1), 3]
          : first === 0xdf
            ? [view.readUInt32BE(1), 5]
            : [0, 0];
    let at = start;
    for (let i = 0; i < count; i++) {
      const keyEnd = skip(view, at);
      const found = keyEnd - at === key.length + 1 && view.toString('latin1', at + 1, keyEnd) === key;
      if (found) return numberAt(view, keyEnd);
      at = skip(view, keyEnd);
    }
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function numberAt(view: Buffer, at: number): number | undefined {
  const tag = view.readUInt8(at);
  if (tag < 0x80) return tag;
  switch (tag) {
    case 0xca:
      return view.readFloatBE(at + 1);
    case 0xcb:
      return view.readDoubleBE(at + 1);
    case 0xcc:
      return view.readUInt8(at + 1);
    case 0xcd:
      return view.readUInt16BE(at + 1);
    case 0xce:
      return view.readUInt32BE(at + 1);
    case 0xcf:
      return Number(view.readBigUInt64BE(at + 1));
    default:
      return undefined;
  }
}

/** How many bytes follow the tag of a value of fixed size, for 0xc0 to 0xdf; -1 where the size is written out. */
const FIXED: readonly number[] = [
  0, 0, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, -1, -1, -1, -1, -1, -1, -1,
];

/** Where the value at `at` ends. Containers are walked with a count, so that depth costs no stack. */
function skip(view: Buffer, at: number): number {
  for (let left = 1; left > 0; left--) {
    const tag = view.readUInt8(at++);
    if (tag < 0x80 || tag >= 0xe0) continue;
    if (tag < 0x90) left += 2 * (tag & 0x0f);
    else if (tag < 0xa0) left += tag & 0x0f;
    else if (tag < 0xc0) at += tag & 0x1f;
    else if (FIXED[tag - 0xc0]! >= 0) at += FIXED[tag - 0xc0]!;
    else {
      const sized = SIZED[tag]!;
      const size = view.readUIntBE(at, sized.bytes);
      at += sized.bytes;
      if (sized.items > 0) left += size * sized.items;
      else at += size + sized.extra;
    }
    if (at > view.length) throw new RangeError('cut off');
  }
  return at;
}

/** Strings, binaries, extensions (`extra`: their type), arrays and maps (`items` per count). */
const SIZED: Readonly<Record<number, { bytes: number; items: number; extra: number }>> = {
  0xc4: { bytes: 1, items: 0, extra: 0 },
  0xc5: { bytes: 2, items: 0, extra: 0 },
  0xc6: { bytes: 4, items: 0, extra: 0 },
  0xc7: { bytes: 1, items: 0, extra: 1 },
  0xc8: { bytes: 2, items: 0, extra: 1 },
  0xc9: { bytes: 4, items: 0, extra: 1 },
  0xd9: { bytes: 1, items: 0, extra: 0 },
  0xda: { bytes: 2, items: 0, extra: 0 },
  0xdb: { bytes: 4, items: 0, extra: 0 },
  0xdc: { bytes: 2, items: 1, extra: 0 },
  0xdd: { bytes: 4, items: 1, extra: 0 },
  0xde: { bytes: 2, items: 2, extra: 0 },
  0xdf: { bytes: 4, items: 2, extra: 0 },
};
