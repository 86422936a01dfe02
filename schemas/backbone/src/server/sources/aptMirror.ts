/** Which mirror a Debian or Ubuntu system fetches its packages from, read from apt's own source files. */

/** One archive as apt's files name it. */
export interface AptArchive {
  uri: string;
  suites: string[];
  components: string[];
  /** Path of the keyring that the entry names, if it names one. */
  signedBy: string | null;
}

/** Reads a deb822 file (`*.sources`): stanzas of fields, parted by blank lines. */
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

/** Reads a one-line file (`*.list`): `deb [options] uri suite component…`. */
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
 * The archive that serves the distribution itself; its newer suites (`sid`, `devel`) are beside the release's own.
 * Third parties name the same suites (`bookworm main`), so an archive that also has the updates, or is signed with the
 * distribution's keys, goes first. A wrong guess is harmless: the signature is checked with those keys.
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
