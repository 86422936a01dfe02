/** Finds the mirror that a Debian or Ubuntu system uses, from the source files of apt. */

/** One archive as listed in a source file of apt. */
export interface AptArchive {
  uri: string;
  suites: string[];
  components: string[];
  /** Path of the keyring that the entry names, or null. */
  signedBy: string | null;
}

/** Parses a deb822 file (`*.sources`): stanzas of fields, separated by blank lines. */
export function parseDeb822(text: string): AptArchive[] {
  const archives: AptArchive[] = [];
  const uncommented = text.split('\n').filter((line) => !line.startsWith('#'));
  for (const stanza of uncommented.join('\n').split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    let name = '';
    for (const line of stanza.split('\n')) {
      const field = /^([A-Za-z-]+):\s*(.*)$/.exec(line);
      if (field !== null) fields.set((name = field[1]!.toLowerCase()), field[2]!.trim());
      else if (/^\s/.test(line)) fields.set(name, `${fields.get(name) ?? ''} ${line.trim()}`.trim());
    }
    const words = (field: string) => (fields.get(field) ?? '').split(/\s+/).filter((word) => word !== '');
    if (!words('types').includes('deb') || /^(no|false|0)$/i.test(fields.get('enabled') ?? '')) continue;
    for (const uri of words('uris')) {
      archives.push({
        uri,
        suites: words('suites'),
        components: words('components'),
        signedBy: keyring(fields.get('signed-by')),
      });
    }
  }
  return archives;
}

/** Parses a one-line file (`*.list`): `deb [options] uri suite component…`. */
export function parseOneLine(text: string): AptArchive[] {
  const archives: AptArchive[] = [];
  for (const line of text.split('\n')) {
    const entry = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (entry === null) continue;
    const [, options = '', uri, suite, components] = entry;
    archives.push({
      uri: uri!,
      suites: [suite!],
      components: components!.split(/\s+/).filter((word) => word !== ''),
      signedBy: keyring(/signed-by=(\S+)/i.exec(options)?.[1]),
    });
  }
  return archives;
}

/**
 * Returns the archive of the distribution, which also serves the newer suites (`sid`, `devel`), or null. Third parties
 * use the same suite names (`bookworm main`). Therefore an archive that also has the updates, or is signed with the keys
 * of the distribution, has priority. A wrong choice is harmless, because apt checks the signature with those keys.
 */
export function distributionArchive(archives: AptArchive[], id: string, codename: string): AptArchive | null {
  const suites = [codename, 'stable', 'testing', 'unstable', 'sid', 'devel'];
  const updated = new Set(archives.filter((a) => a.suites.includes(`${codename}-updates`)).map(({ uri }) => uri));
  const score = ({ uri, signedBy }: AptArchive) =>
    (updated.has(uri) ? 2 : 0) + (signedBy?.includes(`/${id}-archive-`) === true ? 1 : 0);
  const serves = (a: AptArchive) =>
    a.components.includes('main') &&
    a.suites.some((suite) => suites.includes(suite)) &&
    /^(https?|file|mirror(\+\w+)?):/.test(a.uri);
  return archives.filter(serves).sort((a, b) => score(b) - score(a))[0] ?? null;
}

function keyring(value: string | undefined): string | null {
  return value?.startsWith('/') ? value : null;
}
