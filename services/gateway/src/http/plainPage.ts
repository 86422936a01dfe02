import { createHash } from 'node:crypto';

const STYLE = `
:root { --ink: #1f1d1a; --muted: #5f5a52; --faint: #8a8378; --line: #e3ded5; --raised: #f4f1ec; --page: #fdfcfa; --accent: #b4440e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #eeeae3; --muted: #b3aca0; --faint: #8b8478; --line: #34302a; --raised: #24211d; --page: #171512; --accent: #f08a4b; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: flex; align-items: center; justify-content: center; padding: 24px; background: var(--page); color: var(--ink); font: 14px/1.55 system-ui, sans-serif; }
main { width: 100%; max-width: 26rem; }
h1 { margin: 20px 0 0; font-size: 20px; line-height: 1.3; letter-spacing: -0.015em; overflow-wrap: anywhere; }
p { margin: 10px 0 0; color: var(--muted); overflow-wrap: anywhere; }
a { color: var(--accent); }
code, pre { font: 12px/1.5 ui-monospace, monospace; }
code { padding: 2px 4px; border-radius: 4px; background: var(--raised); }
pre { margin: 8px 0 0; padding: 10px 14px; border: 1px solid var(--line); border-radius: 8px; background: var(--raised); white-space: pre-wrap; overflow-wrap: anywhere; color: var(--ink); }
.faint { color: var(--faint); font-size: 12px; }
`;

/** The source of an inline script or style, for a Content-Security-Policy. */
export const hashOfInline = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
export const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (char) => ENTITIES[char]!);

/** The Content-Security-Policy source of the style of a plain page. */
export const PLAIN_PAGE_STYLE_SOURCE = `'${hashOfInline(STYLE)}'`;

/** A page that the gateway writes itself. `head` and `body` are HTML. */
export function plainPage(body: string, head = ''): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>PizzaPi</title>
    ${head}<style>${STYLE}</style>
  </head>
  <body>
    ${body}
  </body>
</html>
`;
}
