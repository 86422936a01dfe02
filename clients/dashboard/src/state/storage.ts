import { PAGE_PATH } from './pagePath.js';

/** Another relay on the same host has another path: what one remembers is not the other's. */
const PREFIX = `pizzapi${PAGE_PATH}.`;

/** Web storage that may be forbidden or full: then nothing is remembered, and nothing else breaks. */
function keptIn(store: () => Storage) {
  return {
    get(key: string): string | undefined {
      try {
        return store().getItem(`${PREFIX}${key}`) ?? undefined;
      } catch {
        return undefined;
      }
    },
    /** The keys that begin so. */
    keys(prefix: string): string[] {
      try {
        const all = Object.keys(store()).filter((key) => key.startsWith(`${PREFIX}${prefix}`));
        return all.map((key) => key.slice(PREFIX.length));
      } catch {
        return [];
      }
    },
    /** Forgets every key that begins so. */
    forget(prefix: string): void {
      try {
        const kept = store();
        for (const key of Object.keys(kept)) if (key.startsWith(`${PREFIX}${prefix}`)) kept.removeItem(key);
      } catch {
        // Then there is nothing to forget either.
      }
    },
    /** An empty text forgets the key. */
    set(key: string, value: string): void {
      try {
        if (value === '') store().removeItem(`${PREFIX}${key}`);
        else store().setItem(`${PREFIX}${key}`, value);
      } catch {
        // Nothing to do: the value lives as long as the page.
      }
    },
  };
}

/** What this browser remembers. */
export const storage = keptIn(() => localStorage);
/** What this tab remembers, until it is closed. */
export const tabStorage = keptIn(() => sessionStorage);

/** What is remembered of a person's work, beside drafts: messages that were not taken, sessions, runners, models, links. */
const PRIVATE = ['unsent.', 'tree.', 'runner', 'model.', 'pinned.'];

/** Forgets what whoever uses this browser next should not find. How the page looks stays. */
export function forgetPerson(): void {
  for (const prefix of PRIVATE) storage.forget(prefix);
  tabStorage.forget('');
}
