import { readFileSync, writeFileSync } from 'node:fs';

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function between(name: string): RegExp {
  return new RegExp(`<!-- ${name} -->\\n([\\s\\S]*?)\\n?<!-- /${name} -->`);
}

/**
 * A document with parts that come from the code, each between two comments. Run with `UPDATE_DOCUMENT=1` the parts are
 * written; without, `part` gives what is there, to compare.
 */
export function documentAt(
  file: URL,
  parts: Readonly<Record<string, string>>,
): { text: string; part: (name: string) => string } {
  if (process.env['UPDATE_DOCUMENT'] === '1') {
    const updated = Object.entries(parts).reduce(
      (before, [name, rows]) => before.replace(between(name), () => `<!-- ${name} -->\n\n${rows}\n\n<!-- /${name} -->`),
      readFileSync(file, 'utf8'),
    );
    writeFileSync(file, updated);
  }
  const text = readFileSync(file, 'utf8');
  return { text, part: (name) => cells(between(name).exec(text)?.[1] ?? '') };
}

/** A table as its cells: a formatter may have aligned its columns. */
export function cells(markdown: string): string {
  return markdown
    .replace(/ *\| */g, '|')
    .replace(/-{3,}/g, '---')
    .trim();
}
