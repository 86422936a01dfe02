/** Where a reader is: at the end, whatever comes, or with a line of an item on top, whatever comes before or after it. */
export type Anchor = { kind: 'end' } | { kind: 'at'; id: string; line: number };

/** The items as rows of text. Heights are asked for only where they matter. */
export interface Rows {
  count: number;
  idAt(index: number): string;
  heightAt(index: number): number;
  /** -1 for an item that is not there (any more). */
  indexOf(id: string): number;
}

export interface RowPosition {
  index: number;
  line: number;
}

const START: RowPosition = { index: 0, line: 0 };

/** What stands on top of a window of `height` rows. */
export function topOf(anchor: Anchor, rows: Rows, height: number): RowPosition {
  const atEnd = up({ index: rows.count, line: 0 }, height, rows);
  const index = anchor.kind === 'at' ? rows.indexOf(anchor.id) : -1;
  if (anchor.kind === 'end' || index < 0) return atEnd;
  const place = { index, line: Math.min(anchor.line, Math.max(0, rows.heightAt(index) - 1)) };
  return isBefore(place, atEnd) ? place : atEnd;
}

/** The anchor after scrolling down by `delta` rows, or up by a negative one. */
export function scrolled(anchor: Anchor, rows: Rows, height: number, delta: number): Anchor {
  const top = topOf(anchor, rows, height);
  const place = delta < 0 ? up(top, -delta, rows) : down(top, delta, rows);
  const atEnd = up({ index: rows.count, line: 0 }, height, rows);
  if (!isBefore(place, atEnd)) return { kind: 'end' };
  return { kind: 'at', id: rows.idAt(place.index), line: place.line };
}

function up({ index, line }: RowPosition, by: number, rows: Rows): RowPosition {
  let left = by;
  while (left > line) {
    if (index === 0) return START;
    left -= line;
    index -= 1;
    line = rows.heightAt(index);
  }
  return { index, line: line - left };
}

function down({ index, line }: RowPosition, by: number, rows: Rows): RowPosition {
  let left = by;
  while (index < rows.count && line + left >= rows.heightAt(index)) {
    left -= rows.heightAt(index) - line;
    index += 1;
    line = 0;
  }
  return { index, line: index < rows.count ? line + left : 0 };
}

function isBefore(a: RowPosition, b: RowPosition): boolean {
  return a.index < b.index || (a.index === b.index && a.line < b.line);
}
