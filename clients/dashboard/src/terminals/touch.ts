/** Pixels of a wheel that a finger moves for one pixel. */
const SPEED = 1;

interface Point {
  clientX: number;
  clientY: number;
}

const distance = (a: Point, b: Point): number => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);

export interface TouchTarget {
  fontSize: () => number;
  zoom: (fontSize: number) => void;
}

/**
 * Fingers on a terminal, which xterm.js does not know: one scrolls as a wheel does, so that programs which read the wheel
 * get it, and two change the size of the text. Returns how to stop.
 */
export function followFingers(element: HTMLElement, { fontSize, zoom }: TouchTarget): () => void {
  let last: Point | undefined;
  let pinch: { distance: number; fontSize: number } | undefined;

  function begin({ touches }: TouchEvent): void {
    const [a, b] = touches;
    pinch = a !== undefined && b !== undefined ? { distance: distance(a, b), fontSize: fontSize() } : undefined;
    last = pinch === undefined ? a : undefined;
  }
  function move(event: TouchEvent): void {
    const [a, b] = event.touches;
    if (a === undefined) return;
    event.preventDefault();
    if (b !== undefined && pinch !== undefined) zoom((pinch.fontSize * distance(a, b)) / pinch.distance);
    else if (last !== undefined) {
      const { clientX, clientY } = a;
      const deltaY = (last.clientY - clientY) * SPEED;
      last = a;
      const wheel = new WheelEvent('wheel', { deltaY, clientX, clientY, bubbles: true, cancelable: true });
      (event.target ?? element).dispatchEvent(wheel);
    }
  }
  function end({ touches }: TouchEvent): void {
    pinch = undefined;
    last = touches[0];
  }
  const options = { passive: false } as const;
  element.addEventListener('touchstart', begin, options);
  element.addEventListener('touchmove', move, options);
  element.addEventListener('touchend', end);
  element.addEventListener('touchcancel', end);
  return () => {
    element.removeEventListener('touchstart', begin);
    element.removeEventListener('touchmove', move);
    element.removeEventListener('touchend', end);
    element.removeEventListener('touchcancel', end);
  };
}
