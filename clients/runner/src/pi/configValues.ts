/** A variable of the environment in a value of pi 1.x, or text as it is. */
type Part = { kind: 'text'; text: string } | { kind: 'variable'; name: string };

/** `$$` and `$!` stand for the character, `$NAME` and `${NAME}` for a variable. Other braces are text. */
const REFERENCE =
  /\$(?:([$!]|\{(?![A-Za-z_][A-Za-z0-9_]*\})[^}]*\})|\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))/g;

function partsOf(value: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const { 0: whole, 1: literal = '', 2: inBraces, 3: plain, index } of value.matchAll(REFERENCE)) {
    if (index > from) parts.push({ kind: 'text', text: value.slice(from, index) });
    const name = inBraces ?? plain;
    const text = literal.startsWith('{') ? whole : literal;
    parts.push(name === undefined ? { kind: 'text', text } : { kind: 'variable', name });
    from = index + whole.length;
  }
  if (from < value.length) parts.push({ kind: 'text', text: value.slice(from) });
  return parts;
}

/**
 * Whether pi 1.x reads the value of a key or a header otherwise than pi 0.73 does: it holds a reference to a variable, or
 * `$$`. A value that begins with `!` is a command for both.
 */
export function hasReference(value: string | undefined): value is string {
  return value !== undefined && !value.startsWith('!') && value.search(REFERENCE) >= 0;
}

/** A value with its variables in place, or the names of those that are not set. An empty variable counts as not set. */
export type Resolved = { kind: 'resolved'; value: string } | { kind: 'unset'; names: string[] };

/** Resolves the references of a value as pi 1.x does. `own`: variables that are set for this value alone. */
export function resolveReferences(value: string, own: Readonly<Record<string, string>> = {}): Resolved {
  const found = partsOf(value).map((part) =>
    part.kind === 'text' ? part : { ...part, text: own[part.name] || process.env[part.name] || undefined },
  );
  const unset = found.flatMap((part) => (part.kind === 'variable' && part.text === undefined ? [part.name] : []));
  if (unset.length > 0) return { kind: 'unset', names: [...new Set(unset)] };
  return { kind: 'resolved', value: found.map(({ text }) => text ?? '').join('') };
}
