/**
 * Words and phrases that keep a reader from understanding a sentence at once; docs/contributing/writing.md says what to
 * write instead. Each is matched as whole words, whatever the case.
 */
export const DENIED = [
  'whoever',
  'whomever',
  'somebody',
  'nobody',
  'before their eyes',
  'is none',
  'are none',
  'goes on',
  'told of',
  'story',
  'stories',
  'piece',
  'pieces',
  'is to be had',
  'to be had',
  'lets be',
  'lets go of',
  'stands by',
  'stand by',
  'sees to it',
  'looks whether',
  'comes back',
  'said already',
  'so long as',
  'carried over',
  'carries over',
];

const PATTERNS = new Map(
  DENIED.map((word) => [
    word,
    new RegExp(String.raw`(?<![\w-])${word.replaceAll(' ', String.raw`\s+(?:\*\s+)?`)}(?![\w-])`, 'gi'),
  ]),
);

/** How often each denied word occurs in a text; words that do not occur are left out. */
export function countDenied(text) {
  const counts = {};
  for (const [word, pattern] of PATTERNS) {
    const found = text.match(pattern)?.length ?? 0;
    if (found > 0) counts[word] = found;
  }
  return counts;
}

/** The prose of a Markdown text: without code blocks, code spans and addresses of links. */
export function proseOf(markdown) {
  return markdown
    .replace(/^(```|~~~)[\s\S]*?^\1/gm, '')
    .replace(/`[^`\n]*(?:\n[^`\n]+)?`/g, '')
    .replace(/\]\([^)]*\)/g, ']');
}

/** Adds counts to a sum, in place. */
export function addCounts(sum, counts) {
  for (const [word, count] of Object.entries(counts)) sum[word] = (sum[word] ?? 0) + count;
  return sum;
}

/** The words that occur more often than allowed, as sentences. */
export function risen(allowed, counts) {
  return Object.entries(counts)
    .filter(([word, count]) => count > (allowed[word] ?? 0))
    .map(([word, count]) => `"${word}" occurs ${count} times; ${allowed[word] ?? 0} are allowed`);
}
