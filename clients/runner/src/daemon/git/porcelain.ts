import {
  shorten,
  type GitBranch,
  type GitCommit,
  type GitFileChange,
  type GitFileState,
  type GitStatusEntry,
} from '@pizzapi/protocol';

/** Characters of a name, an address or a subject: a person can write any number of them. */
const MAX_TEXT_CHARS = 500;
const MAX_REFS = 50;

/** Reads what git prints for programs: records that end with NUL, so that names may have any other character. */

/** The records of an output with `-z`. */
export function records(output: Buffer): Buffer[] {
  const found: Buffer[] = [];
  let start = 0;
  for (let end = output.indexOf(0); end !== -1; end = output.indexOf(0, start)) {
    found.push(output.subarray(start, end));
    start = end + 1;
  }
  if (start < output.length) found.push(output.subarray(start));
  return found;
}

/** A name as text, and its bytes when they are no UTF-8. */
export function nameOf(bytes: Buffer): { path: string; nameBytes?: string } {
  const path = bytes.toString('utf8');
  return Buffer.from(path, 'utf8').equals(bytes) ? { path } : { path, nameBytes: bytes.toString('base64') };
}

const STATES: Readonly<Record<string, GitFileState>> = {
  A: 'added',
  M: 'modified',
  D: 'deleted',
  R: 'renamed',
  C: 'copied',
  T: 'type_changed',
  U: 'conflict',
  X: 'modified',
};

/** The bytes after the first `count` words that single spaces end. */
function afterWords(record: Buffer, count: number): Buffer {
  let at = 0;
  for (let n = 0; n < count; n++) at = record.indexOf(0x20, at) + 1;
  return record.subarray(at);
}

export interface ParsedStatus {
  branch: { head: string | null; oid: string | null; upstream?: string; ahead?: number; behind?: number };
  files: GitStatusEntry[];
}

/** Reads `git status --porcelain=v2 -z --branch`. */
export function parseStatus(output: Buffer): ParsedStatus {
  const status: ParsedStatus = { branch: { head: null, oid: null }, files: [] };
  const all = records(output);
  for (let i = 0; i < all.length; i++) {
    const record = all[i]!;
    const kind = String.fromCharCode(record[0] ?? 0);
    if (kind === '#') readHeader(record.toString('utf8'), status.branch);
    else if (kind === '?') status.files.push({ ...nameOf(record.subarray(2)), workTree: 'untracked' });
    else if (kind === '1' || kind === '2' || kind === 'u') {
      const words = record.toString('latin1').split(' ');
      const [x = '.', y = '.'] = words[1] ?? '';
      const submodule = words[2]?.startsWith('S') === true ? { submodule: true as const } : {};
      const name = nameOf(afterWords(record, kind === '1' ? 8 : kind === '2' ? 9 : 10));
      const from = kind === '2' ? { from: nameOf(all[++i] ?? Buffer.alloc(0)).path } : {};
      const states =
        kind === 'u'
          ? { workTree: 'conflict' as const }
          : { ...(STATES[x] && { index: STATES[x] }), ...(STATES[y] && { workTree: STATES[y] }) };
      status.files.push({ ...name, ...from, ...states, ...submodule });
    }
  }
  return status;
}

function readHeader(line: string, branch: ParsedStatus['branch']): void {
  const [, key = '', value = ''] = /^# branch\.(\S+) (.*)$/s.exec(line) ?? [];
  if (key === 'oid') branch.oid = value === '(initial)' ? null : value;
  else if (key === 'head') branch.head = value === '(detached)' ? null : value;
  else if (key === 'upstream') branch.upstream = value;
  else if (key === 'ab') {
    const [ahead, behind] = value.split(' ').map((number) => Math.abs(Number(number)));
    Object.assign(branch, { ahead: ahead ?? 0, behind: behind ?? 0 });
  }
}

/** A file of a difference, with its contents and modes. */
export interface DiffEntry extends GitFileChange {
  was: { mode: string; oid: string };
  now: { mode: string; oid: string };
}

const GITLINK = '160000';

/** Reads `git diff --raw --numstat -z --no-abbrev`. */
export function parseDiff(output: Buffer): DiffEntry[] {
  const all = records(output);
  const entries: DiffEntry[] = [];
  const byPath = new Map<string, DiffEntry>();
  let i = 0;
  for (; i < all.length && all[i]![0] === 0x3a; i++) {
    const [oldMode = '', newMode = '', oldOid = '', newOid = '', letter = 'M'] = all[i]!.subarray(1)
      .toString('latin1')
      .split(' ');
    const first = all[++i] ?? Buffer.alloc(0);
    const isPair = letter.startsWith('R') || letter.startsWith('C');
    const name = nameOf(isPair ? (all[++i] ?? Buffer.alloc(0)) : first);
    const entry: DiffEntry = {
      ...name,
      ...(isPair ? { from: nameOf(first).path } : {}),
      state: STATES[letter.charAt(0)] ?? 'modified',
      ...(oldMode === GITLINK || newMode === GITLINK ? { submodule: true as const } : {}),
      was: { mode: oldMode, oid: oldOid },
      now: { mode: newMode, oid: newOid },
    };
    // A file in conflict has two records.
    const known = byPath.get(entry.path);
    if (known !== undefined && (known.state === 'conflict' || entry.state === 'conflict')) {
      known.state = 'conflict';
      continue;
    }
    entries.push(entry);
    byPath.set(entry.path, entry);
  }
  for (; i < all.length; i++) {
    const [added = '', removed = ''] = all[i]!.toString('latin1').split('\t', 2);
    const path = all[i]!.subarray(added.length + removed.length + 2);
    // A renamed file has both of its names in records of their own.
    const name = path.length > 0 ? path : (all[(i += 2)] ?? Buffer.alloc(0));
    const entry = byPath.get(nameOf(name).path);
    if (entry === undefined) continue;
    if (added === '-') entry.binary = true;
    else Object.assign(entry, { added: Number(added), removed: Number(removed) });
  }
  return entries;
}

const short = (text: string): string => shorten(text, MAX_TEXT_CHARS);

/** What a reply says of a file: without its contents. */
export const changeOf = ({ was: _was, now: _now, ...change }: DiffEntry): GitFileChange => change;

/** The fields of a commit in `git log -z`; %x00 cannot be in a format with -z, so that a unit separator ends each. */
export const LOG_FORMAT = ['%H', '%P', '%an', '%ae', '%at', '%cn', '%ce', '%ct', '%D', '%s'].join('%x1f');

/** Reads `git log -z --format=LOG_FORMAT`. */
export function parseLog(output: Buffer): GitCommit[] {
  return records(output)
    .filter((record) => record.length > 0)
    .map((record) => {
      const fields = record.toString('utf8').split('\u001f');
      const [oid = '', parents = '', an = '', ae = '', at = '', cn = '', ce = '', ct = '', refs = ''] = fields;
      return {
        oid: oid.trim(),
        parents: parents.split(' ').filter((parent) => parent !== ''),
        author: { name: short(an), email: short(ae), at: Number(at) * 1_000 },
        committer: { name: short(cn), email: short(ce), at: Number(ct) * 1_000 },
        // A name with a separator in it moves the fields behind it; the subject takes what is left.
        subject: short(fields.slice(9).join(' ')),
        refs: refs
          .split(', ')
          .filter((ref) => ref !== '')
          .slice(0, MAX_REFS),
      };
    });
}

const BRANCH_FIELDS = [
  '%(refname)',
  '%(objectname)',
  '%(upstream:short)',
  '%(upstream:track,nobracket)',
  '%(committerdate:unix)',
  '%(worktreepath)',
  '%(symref)',
  '%(contents:subject)',
];
export const BRANCH_FORMAT = BRANCH_FIELDS.join('%1f') + '%00';

/** Reads `git for-each-ref --format=BRANCH_FORMAT refs/heads refs/remotes`. */
export function parseBranches(output: Buffer): GitBranch[] {
  const branches: GitBranch[] = [];
  for (const record of records(output)) {
    const fields = record.toString('utf8').replace(/^\n/, '').split('\u001f');
    const [ref = '', oid = '', upstream = '', track = '', at = '', workTree = '', symref = ''] = fields;
    const isRemote = ref.startsWith('refs/remotes/');
    if (!ref.startsWith('refs/') || symref !== '') continue;
    const count = (word: string) => Number(new RegExp(`${word} (\\d+)`).exec(track)?.[1] ?? 0);
    branches.push({
      name: ref.replace(/^refs\/(heads|remotes)\//, ''),
      oid,
      ...(isRemote ? { remote: true as const } : {}),
      ...(upstream === '' ? {} : { upstream, ahead: count('ahead'), behind: count('behind') }),
      ...(track === 'gone' ? { gone: true as const } : {}),
      at: Number(at) * 1_000,
      subject: short(fields.slice(7).join(' ')),
      ...(workTree === '' ? {} : { workTree }),
    });
  }
  return branches;
}
