import { SvelteMap } from 'svelte/reactivity';
import { storage } from '../state/storage.js';

/** Which trees of the list a person has opened or closed, kept in this browser. */
class TreeExpansion {
  readonly #chosen = new SvelteMap<string, boolean>();

  /** Undefined: nobody has chosen. */
  get(sid: string): boolean | undefined {
    const chosen = this.#chosen.get(sid);
    if (chosen !== undefined) return chosen;
    const kept = storage.get(`tree.${sid}`);
    return kept === undefined ? undefined : kept === 'open';
  }

  set(sid: string, open: boolean): void {
    this.#chosen.set(sid, open);
    storage.set(`tree.${sid}`, open ? 'open' : 'closed');
  }
}

export const treeExpansion = new TreeExpansion();
