/** localStorage that may be forbidden or full: then nothing is remembered, and nothing else breaks. */
export const storage = {
  get(key: string): string | undefined {
    try {
      return localStorage.getItem(`pizzapi.${key}`) ?? undefined;
    } catch {
      return undefined;
    }
  },
  /** An empty text forgets the key. */
  set(key: string, value: string): void {
    try {
      if (value === '') localStorage.removeItem(`pizzapi.${key}`);
      else localStorage.setItem(`pizzapi.${key}`, value);
    } catch {
      // Nothing to do: the value lives as long as the page.
    }
  },
};
