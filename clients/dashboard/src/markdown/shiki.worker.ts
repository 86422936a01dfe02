import { createHighlighterCore, type HighlighterCore, type LanguageInput } from 'shiki/core';
import { createCssVariablesTheme } from 'shiki/core';
import { createJavaScriptRegexEngine } from 'shiki/engine/javascript';

/** Highlights closed code blocks with real grammars, beside the page's own thread. Grammars load when they are needed. */
export interface HighlightRequest {
  id: number;
  code: string;
  lang: string;
}
export interface HighlightReply {
  id: number;
  html?: string;
}

const LANGUAGES: Readonly<Record<string, LanguageInput>> = {
  bash: () => import('shiki/langs/bash.mjs'),
  c: () => import('shiki/langs/c.mjs'),
  cpp: () => import('shiki/langs/cpp.mjs'),
  csharp: () => import('shiki/langs/csharp.mjs'),
  css: () => import('shiki/langs/css.mjs'),
  diff: () => import('shiki/langs/diff.mjs'),
  docker: () => import('shiki/langs/docker.mjs'),
  go: () => import('shiki/langs/go.mjs'),
  html: () => import('shiki/langs/html.mjs'),
  java: () => import('shiki/langs/java.mjs'),
  javascript: () => import('shiki/langs/javascript.mjs'),
  json: () => import('shiki/langs/json.mjs'),
  kotlin: () => import('shiki/langs/kotlin.mjs'),
  lua: () => import('shiki/langs/lua.mjs'),
  make: () => import('shiki/langs/make.mjs'),
  markdown: () => import('shiki/langs/markdown.mjs'),
  php: () => import('shiki/langs/php.mjs'),
  python: () => import('shiki/langs/python.mjs'),
  ruby: () => import('shiki/langs/ruby.mjs'),
  rust: () => import('shiki/langs/rust.mjs'),
  sql: () => import('shiki/langs/sql.mjs'),
  svelte: () => import('shiki/langs/svelte.mjs'),
  swift: () => import('shiki/langs/swift.mjs'),
  toml: () => import('shiki/langs/toml.mjs'),
  tsx: () => import('shiki/langs/tsx.mjs'),
  typescript: () => import('shiki/langs/typescript.mjs'),
  vue: () => import('shiki/langs/vue.mjs'),
  yaml: () => import('shiki/langs/yaml.mjs'),
  zig: () => import('shiki/langs/zig.mjs'),
};

const ALIASES: Readonly<Record<string, string>> = {
  ...{ cjs: 'javascript', console: 'bash', cs: 'csharp', dockerfile: 'docker', h: 'c', hpp: 'cpp', js: 'javascript' },
  ...{ jsonc: 'json', jsonl: 'json', jsx: 'tsx', kt: 'kotlin', makefile: 'make', md: 'markdown', mjs: 'javascript' },
  ...{
    mts: 'typescript',
    py: 'python',
    rb: 'ruby',
    rs: 'rust',
    sh: 'bash',
    shell: 'bash',
    ts: 'typescript',
    yml: 'yaml',
    zsh: 'bash',
  },
};

/** What the theme calls a colour, as a class of code.css. */
const CLASSES: Readonly<Record<string, string>> = {
  'token-comment': 'sk-comment',
  'token-keyword': 'sk-keyword',
  'token-string': 'sk-string',
  'token-string-expression': 'sk-string',
  'token-constant': 'sk-constant',
  'token-function': 'sk-function',
  'token-parameter': '',
  'token-punctuation': 'sk-punctuation',
  'token-link': 'sk-type',
};

const theme = createCssVariablesTheme({ name: 'page', variablePrefix: '--sk-' });
let highlighter: Promise<HighlighterCore> | undefined;

async function highlight(code: string, lang: string): Promise<string | undefined> {
  const name = ALIASES[lang] ?? lang;
  const language = LANGUAGES[name];
  if (language === undefined) return undefined;
  highlighter ??= createHighlighterCore({
    themes: [theme],
    langs: [],
    engine: createJavaScriptRegexEngine({ forgiving: true }),
  });
  const core = await highlighter;
  await core.loadLanguage(language);
  const { tokens } = core.codeToTokens(code, { lang: name, theme: 'page' });
  return tokens.map((line) => line.map(({ content, color }) => span(content, color)).join('')).join('\n');
}

function span(text: string, color: string | undefined): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const name = CLASSES[/--sk-([\w-]+)/.exec(color ?? '')?.[1] ?? ''];
  return name === undefined || name === '' ? escaped : `<span class="${name}">${escaped}</span>`;
}

addEventListener('message', ({ data }: MessageEvent<HighlightRequest>) => {
  void highlight(data.code, data.lang)
    .catch(() => undefined)
    .then((html) => postMessage({ id: data.id, ...(html === undefined ? {} : { html }) } satisfies HighlightReply));
});
