/** Keys of rows by one of their fields. */
export class KeyIndex {
  private readonly names = new Map<string, Set<string>>();

  /** Records whether the row of `key` has this value of the field. */
  set(name: string, key: string, has: boolean): void {
    const keys = this.names.get(name);
    if (has) {
      if (keys === undefined) this.names.set(name, new Set([key]));
      else keys.add(key);
    } else if (keys?.delete(key) === true && keys.size === 0) this.names.delete(name);
  }

  keys(name: string): string[] {
    return [...(this.names.get(name) ?? [])];
  }
}
