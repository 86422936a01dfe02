/** What a key event says about an input method; a part of `KeyboardEvent`, so that it can be tested without a browser. */
export interface ComposedKey {
  isComposing: boolean;
  keyCode: number;
}

/** The key code of a key that an input method has taken. */
const TAKEN_BY_INPUT_METHOD = 229;

/**
 * Reports whether a key belongs to an input method, which composes a text with it. Safari ends the composition before
 * it sends the key that ended it, so that only the key code shows it.
 */
export function isComposedKey({ isComposing, keyCode }: ComposedKey): boolean {
  return isComposing || keyCode === TAKEN_BY_INPUT_METHOD;
}

const KEY_EVENTS = ['keydown', 'keypress', 'keyup'] as const;

/**
 * Keeps the keys of an input method from every key handler of the page, also from those of libraries. The input method
 * itself still gets them. Call it before anything else listens to the window: it must be the first.
 */
export function guardCompositions(target: Window): void {
  const guardComposition = (event: KeyboardEvent): void => {
    if (isComposedKey(event)) event.stopImmediatePropagation();
  };
  for (const kind of KEY_EVENTS) target.addEventListener(kind, guardComposition, { capture: true });
}
