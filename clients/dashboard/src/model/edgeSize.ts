/** The sizes of a part of the page whose edge a person drags, in pixels. */
export interface EdgeLimits {
  min: number;
  usual: number;
  max: number;
  /** What an arrow key adds. */
  step: number;
  /** The share of the room that the part beside it keeps, at least. */
  rest: number;
}

export const SIDEBAR: EdgeLimits = { min: 220, usual: 280, max: 520, step: 16, rest: 0.55 };
/** The panel of the host, beside the transcript and below it. */
export const HOST_PANEL = {
  beside: { min: 320, usual: 560, max: 1_400, step: 32, rest: 0.34 },
  below: { min: 160, usual: 320, max: 1_000, step: 32, rest: 0.4 },
} as const satisfies Record<string, EdgeLimits>;

/** The side of the part that its edge is at. */
export type EdgeSide = 'left' | 'right' | 'top';

/** The largest size in a room. */
export function largestSize({ min, max, rest }: EdgeLimits, room: number): number {
  return Math.max(min, Math.min(max, Math.floor(room * (1 - rest))));
}

/** The nearest size that the part may have in a room; its usual size for what is no number. */
export function sizeIn(limits: EdgeLimits, room: number, wanted: number): number {
  const size = Number.isFinite(wanted) ? Math.round(wanted) : limits.usual;
  return Math.min(largestSize(limits, room), Math.max(limits.min, size));
}

const LARGER: Readonly<Record<EdgeSide, string>> = { right: 'ArrowRight', left: 'ArrowLeft', top: 'ArrowUp' };
const SMALLER: Readonly<Record<EdgeSide, string>> = { right: 'ArrowLeft', left: 'ArrowRight', top: 'ArrowDown' };

/** The size that a key asks for, or undefined for another key. An arrow moves the edge the way it points. */
export function sizeFor(limits: EdgeLimits, side: EdgeSide, key: string, size: number): number | undefined {
  switch (key) {
    case LARGER[side]:
      return size + limits.step;
    case SMALLER[side]:
      return size - limits.step;
    case 'Home':
      return limits.min;
    case 'End':
      return limits.max;
    default:
      return undefined;
  }
}

/** The size that brings the edge to a point. `box`: the part now. */
export function sizeAt(side: EdgeSide, box: Pick<DOMRect, 'left' | 'right' | 'bottom'>, x: number, y: number): number {
  return side === 'right' ? x - box.left : side === 'left' ? box.right - x : box.bottom - y;
}
