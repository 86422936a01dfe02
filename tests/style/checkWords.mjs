/**
 * Counts denied words in comments, strings and test names, and fails when a count rises:
 *
 *   node tests/style/checkWords.mjs            compare with tests/style/wordCounts.json
 *   node tests/style/checkWords.mjs --update   lower the allowed counts to the present ones
 *
 * Texts that users read (documents, page, help) may hold none of the words.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parser } from 'typescript-eslint';
import { addCounts, countDenied, proseOf, risen } from './words.mjs';

const ALLOWED = new URL('wordCounts.json', import.meta.url);
/** These two quote the words to explain them; the changelog of a release stays as it was written. */
const QUOTING = ['docs/contributing/writing.md', 'docs/contributing/glossary.md'];

/** Folders of tools and of built files. */
const IGNORED = /^(node_modules|dist|test-output|\.nx|\.git)$/;

function filesBelow(folder = '') {
  return readdirSync(folder === '' ? '.' : folder, { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return IGNORED.test(entry.name) ? [] : filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

const files = filesBelow().filter((file) => !file.startsWith('tests/style/'));
const ending = (...names) => files.filter((file) => names.some((name) => file.endsWith(name)));

/** The comments and strings of a program. */
function textsOf(file) {
  const { ast } = parser.parseForESLint(readFileSync(file, 'utf8'), { range: true, comment: true, tokens: true });
  const strings = ast.tokens.filter(({ type }) => type === 'String' || type === 'Template');
  return [...ast.comments, ...strings].map(({ value }) => value).join('\n');
}

/** The markup of a component, without its script. */
const markupOf = (file) => readFileSync(file, 'utf8').replace(/<script[\s\S]*?<\/script>/g, '');

function places(named, textOf) {
  const found = [];
  for (const file of named)
    for (const [word, count] of Object.entries(countDenied(textOf(file)))) found.push(`${file}: "${word}" ×${count}`);
  return found;
}

const documents = ending('.md').filter((file) => !QUOTING.includes(file));
const readByUsers = [
  ...places(documents, (file) => proseOf(readFileSync(file, 'utf8'))),
  ...places(ending('.svelte'), markupOf),
  ...places(['schemas/protocol/src/errors.ts', 'schemas/process/src/catalog.ts'], textsOf),
];

const counts = {};
for (const file of ending('.ts', '.mjs')) addCounts(counts, countDenied(textsOf(file)));
for (const file of ending('.svelte')) addCounts(counts, countDenied(readFileSync(file, 'utf8')));

const allowed = JSON.parse(readFileSync(ALLOWED, 'utf8'));
const problems = [...readByUsers.map((place) => `${place}, in a text that users read`), ...risen(allowed, counts)];
if (process.argv.includes('--update')) {
  const sorted = Object.fromEntries(Object.entries(counts).sort(([a], [b]) => a.localeCompare(b)));
  writeFileSync(ALLOWED, `${JSON.stringify(sorted, null, 2)}\n`);
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) console.error('docs/contributing/writing.md says what to write instead.');
process.exitCode = problems.length > 0 ? 1 : 0;
