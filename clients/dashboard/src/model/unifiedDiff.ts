/** A unified diff of one file, as rows for the page. */
export interface DiffRow {
  kind: 'add' | 'del' | 'same';
  /** The number of the line before and after. */
  was?: number;
  now?: number;
  text: string;
  /** The file ends here, without a line break. */
  endsOpen?: true;
}

export interface DiffHunk {
  /** Up to the second `@@`: it names the hunk to the host. */
  header: string;
  /** What the diff names behind it, such as the function. */
  heading: string;
  rows: DiffRow[];
}

/** One line of a diff side by side. A missing side has no line there. */
export interface DiffPair {
  was?: DiffRow;
  now?: DiffRow;
}

const HEADER = /^(@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@) ?(.*)$/;

/** Reads the hunks of a unified diff. Lines between hunks are headers of files. A hunk that is cut off ends early. */
export function parseUnified(text: string): DiffHunk[] {
  const hunks: DiffHunk[] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const found = HEADER.exec(lines[i]!);
    if (found === null) continue;
    const [, header = '', wasStart, wasCount = '1', nowStart, nowCount = '1', heading = ''] = found;
    const hunk: DiffHunk = { header, heading, rows: [] };
    let [was, now] = [Number(wasStart), Number(nowStart)];
    let [wasLeft, nowLeft] = [Number(wasCount), Number(nowCount)];
    while (i + 1 < lines.length && (wasLeft > 0 || nowLeft > 0 || lines[i + 1]!.startsWith('\\'))) {
      const line = lines[++i]!;
      const rest = line.slice(1);
      if (line.startsWith('+')) {
        hunk.rows.push({ kind: 'add', now: now++, text: rest });
        nowLeft--;
      } else if (line.startsWith('-')) {
        hunk.rows.push({ kind: 'del', was: was++, text: rest });
        wasLeft--;
      } else if (line.startsWith('\\')) {
        const last = hunk.rows.at(-1);
        if (last !== undefined) last.endsOpen = true;
      } else {
        hunk.rows.push({ kind: 'same', was: was++, now: now++, text: rest });
        wasLeft--;
        nowLeft--;
      }
    }
    hunks.push(hunk);
  }
  return hunks;
}

/** The rows of a hunk side by side: removed lines beside the added lines that replace them. */
export function sideBySide(rows: readonly DiffRow[]): DiffPair[] {
  const pairs: DiffPair[] = [];
  let removed: DiffRow[] = [];
  let added: DiffRow[] = [];
  const flush = () => {
    for (let i = 0; i < Math.max(removed.length, added.length); i++) {
      const [was, now] = [removed[i], added[i]];
      pairs.push({ ...(was === undefined ? {} : { was }), ...(now === undefined ? {} : { now }) });
    }
    [removed, added] = [[], []];
  };
  for (const row of rows) {
    if (row.kind === 'del') {
      // Removed lines after added ones belong to another change.
      if (added.length > 0) flush();
      removed.push(row);
    } else if (row.kind === 'add') added.push(row);
    else {
      flush();
      pairs.push({ was: row, now: row });
    }
  }
  flush();
  return pairs;
}

const SIGNS = { add: '+', del: '-', same: ' ' } as const;
/** Lines of a hunk that a message to the agent quotes. */
const MAX_QUOTED = 80;

/** A message to the agent about one hunk. What the agent is to do is written behind it. */
export function askAbout(path: string, { header, rows }: DiffHunk): string {
  const quoted = rows.slice(0, MAX_QUOTED).map(({ kind, text }) => `${SIGNS[kind]}${text}`);
  if (rows.length > MAX_QUOTED) quoted.push(`… ${rows.length - MAX_QUOTED} more lines`);
  // A fence that no line of the hunk ends.
  const longest = Math.max(2, ...quoted.flatMap((line) => [...line.matchAll(/`+/g)].map(([ticks]) => ticks.length)));
  const fence = '`'.repeat(longest + 1);
  return `About this change in ${path}:\n\n${fence}diff\n${header}\n${quoted.join('\n')}\n${fence}\n\n`;
}

/** The text of base64 in UTF-8. */
export function textOfBase64(parts: readonly string[]): string {
  const decoder = new TextDecoder();
  const texts = parts.map((part) =>
    decoder.decode(
      Uint8Array.from(atob(part), (character) => character.charCodeAt(0)),
      { stream: true },
    ),
  );
  return texts.join('') + decoder.decode();
}
