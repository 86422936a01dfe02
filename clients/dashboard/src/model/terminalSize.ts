import { MAX_TERMINAL_COLS, MAX_TERMINAL_ROWS } from '@pizzapi/protocol';

/** Sizes of the text of a terminal, in pixels. */
export const FONT = { min: 6, usual: 13, max: 28 } as const;

export interface TerminalSize {
  cols: number;
  rows: number;
}

/** The nearest size that the text may have. */
export function fontSizeIn(wanted: number): number {
  const size = Number.isFinite(wanted) ? Math.round(wanted * 2) / 2 : FONT.usual;
  return Math.min(FONT.max, Math.max(FONT.min, size));
}

/** The size that a terminal may have, nearest to what there is room for. */
export function terminalSizeIn({ cols, rows }: TerminalSize): TerminalSize {
  return {
    cols: Math.min(MAX_TERMINAL_COLS, Math.max(2, Math.floor(cols))),
    rows: Math.min(MAX_TERMINAL_ROWS, Math.max(1, Math.floor(rows))),
  };
}

/** Pixels of a cell for one pixel of the size of its text, about. */
const CELL = { width: 0.6, height: 1.3 };

/** The size of a terminal that is not there yet, in so many pixels. */
export function roughSize(width: number, height: number, fontSize: number): TerminalSize {
  return terminalSizeIn({ cols: width / (fontSize * CELL.width), rows: height / (fontSize * CELL.height) });
}

/**
 * The size of the text by which the terminal of another viewer fits into this screen, if it can be read then. `fits`: what
 * this screen has room for at `fontSize`.
 */
export function scaledFontSize(fontSize: number, fits: TerminalSize, theirs: TerminalSize): number {
  const scale = Math.min(1, fits.cols / theirs.cols, fits.rows / theirs.rows);
  return Math.max(FONT.min, Math.floor(fontSize * scale * 2) / 2);
}
