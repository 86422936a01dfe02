import { readFileSync, writeFileSync } from 'node:fs';

/** Returns a Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** Documentation with generated parts. */
export interface GeneratedDocument {
  /** The text of all files, in their order. */
  text: string;
  /** Returns the cells of the part with this name. Throws unless exactly one file contains it. */
  part: (name: string) => string;
}

/**
 * Reads a document of one or more files. Each generated part is between two comments: `<!-- name -->` and `<!-- /name
 * -->`. With `UPDATE_DOCUMENT=1`, writes each part into the file that contains its comments.
 */
export function documentAt(files: URL | readonly URL[], parts: Readonly<Record<string, string>>): GeneratedDocument {
  const texts = (files instanceof URL ? [files] : files).map((file) => {
    const before = readFileSync(file, 'utf8');
    if (process.env['UPDATE_DOCUMENT'] !== '1') return before;
    const after = Object.entries(parts).reduce(
      (text, [name, rows]) => text.replace(between(name), () => `<!-- ${name} -->\n\n${rows}\n\n<!-- /${name} -->`),
      before,
    );
    if (after !== before) writeFileSync(file, after);
    return after;
  });
  const part = (name: string): string => {
    const found = texts.flatMap((text) => between(name).exec(text)?.[1] ?? []);
    if (found.length !== 1) throw new Error(`the generated part "${name}" must be in one file, not in ${found.length}`);
    return cells(found[0]!);
  };
  return { text: texts.join('\n\n'), part };
}

function between(name: string): RegExp {
  return new RegExp(`<!-- ${name} -->\\n([\\s\\S]*?)\\n?<!-- /${name} -->`);
}

/** Returns a table without the spaces and dashes that a formatter adds to align its columns. */
export function cells(markdown: string): string {
  return markdown
    .replace(/ *\| */g, '|')
    .replace(/-{3,}/g, '---')
    .trim();
}
