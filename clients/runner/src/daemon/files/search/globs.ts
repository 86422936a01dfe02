import picomatch from 'picomatch';

/** Globs as ripgrep has them: one without a slash is about the name, `!` leaves files out, and the last one that matches decides. */
export function globFilter(globs: readonly string[]): (path: string) => boolean {
  const rules = globs.map((glob) => {
    const out = glob.startsWith('!');
    const body = out ? glob.slice(1) : glob;
    const matches = picomatch(body.replace(/^\//, ''), { dot: true, basename: !body.includes('/') });
    // A folder that is left out is left out with all that is in it.
    const inFolder = picomatch(`${body.includes('/') ? body.replace(/^\//, '') : `**/${body}`}/**`, { dot: true });
    return { out, matches: (path: string) => matches(path) || inFolder(path) };
  });
  const takesOnly = rules.some(({ out }) => !out);
  return (path) => {
    const last = rules.findLast(({ matches }) => matches(path));
    return last === undefined ? !takesOnly : !last.out;
  };
}
