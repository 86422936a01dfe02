/** The part of `window` that is needed, so that a test can stand in for a phone. */
export interface VisibleWindow {
  innerHeight: number;
  visualViewport: Pick<VisualViewport, 'height' | 'offsetTop' | 'scale' | 'addEventListener'> | null;
  document: { documentElement: { style: Pick<CSSStyleDeclaration, 'setProperty' | 'removeProperty'> } };
}

/** Zoom factors up to this one are rounding. */
const NO_ZOOM = 1.01;

/**
 * Makes the page as high as what a keyboard on the screen leaves of it. Browsers that shrink the page themselves need
 * nothing of this. A person who zooms in sees a part of a page that keeps its size.
 */
export function followVisibleViewport(target: VisibleWindow): void {
  const viewport = target.visualViewport;
  if (viewport === null) return;
  const { style } = target.document.documentElement;
  const apply = (): void => {
    if (viewport.scale > NO_ZOOM) return;
    const { height, offsetTop } = viewport;
    const keyboard = Math.max(0, target.innerHeight - height - offsetTop);
    if (keyboard + offsetTop < 1) {
      for (const name of ['--visible-vh', '--visible-top', '--keyboard']) style.removeProperty(name);
      return;
    }
    style.setProperty('--visible-vh', `${height / 100}px`);
    style.setProperty('--visible-top', `${offsetTop}px`);
    style.setProperty('--keyboard', `${keyboard}px`);
  };
  viewport.addEventListener('resize', apply);
  viewport.addEventListener('scroll', apply);
  apply();
}
