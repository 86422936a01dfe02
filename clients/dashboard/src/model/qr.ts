import { encode } from 'uqr';

/** Modules of quiet around a code: readers ask for four, and manage with fewer on a white card. */
const QUIET = 2;

/** A QR code as one path of an SVG, drawn in runs of dark modules, and the side of its square. */
export function qrPath(text: string): { path: string; size: number } {
  const { data, size } = encode(text, { ecc: 'L', border: QUIET });
  const runs = data.flatMap((row, y) => {
    const found: string[] = [];
    for (let x = 0; x < row.length; x++) {
      if (row[x] !== true) continue;
      const start = x;
      while (row[x + 1] === true) x++;
      found.push(`M${start} ${y}h${x - start + 1}v1H${start}z`);
    }
    return found;
  });
  return { path: runs.join(''), size };
}
