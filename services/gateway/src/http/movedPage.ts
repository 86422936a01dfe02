import { createHash } from 'node:crypto';

/** A page that leads to another address. */
export interface MovedPage {
  html: string;
  policy: string;
}

/**
 * What stands under a name that is not the page's own: 127.0.0.1, say. It finds out whether this browser knows the page's
 * name, and goes there with all that stands in the address, or says what to do. No redirect: a browser that does not
 * find the name would show an error of its own and no way on.
 */
export function movedPage(pageUrl: string, port: number): MovedPage {
  const { origin, hostname } = new URL(pageUrl);
  const isLocal = hostname.endsWith('.localhost');
  const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>PizzaPi</title>
    <link rel="icon" href="/icon.svg" type="image/svg+xml" />
    <style>${STYLE}</style>
  </head>
  <body>
    <main>
      <img src="/icon.svg" alt="" width="40" height="40" />
      <div id="going">
        <h1>PizzaPi has an address of its own</h1>
        <p>It is <a id="there" href="${escaped(pageUrl)}" data-page="${escaped(pageUrl)}" data-live="${escaped(`${origin}/livez`)}">${escaped(pageUrl)}</a>. You are taken there.</p>
        <noscript><p>Follow the link: this browser runs no scripts.</p></noscript>
      </div>
      <div id="lost" hidden role="alert">
        <h1>This browser does not find ${escaped(hostname)}</h1>
        ${isLocal ? localHelp(port) : '<p>PizzaPi’s page is there, and its address is not reached from here.</p>'}
        <p class="faint"><a id="again" href="${escaped(pageUrl)}">Try it anyway</a></p>
      </div>
    </main>
    <script>${SCRIPT}</script>
  </body>
</html>
`;
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(SCRIPT)}'`,
    `style-src '${hashOf(STYLE)}'`,
    "img-src 'self'",
    `connect-src ${origin}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return { html, policy: policy.join('; ') };
}

/** What helps where the name is not known: it is this machine, under a name that no other program has. */
function localHelp(port: number): string {
  return `<p>PizzaPi’s page has a name of its own, so that no other program of this machine is sent your sign-in. Firefox and
        Chromium know the name by themselves. Here it is not known.</p>
        <p>Tell the system, by this line in <code>/etc/hosts</code>:</p>
        <pre>127.0.0.1 pizzapi.localhost</pre>
        <p>Or start PizzaPi with an address that works here:</p>
        <pre>npm start -- --public-url http://127.0.0.1:${port}</pre>`;
}

const SCRIPT = `
const link = document.querySelector('#there');
const { page, live } = link.dataset;
const target = page + location.pathname + location.search + location.hash;
link.href = document.querySelector('#again').href = target;
fetch(live, { mode: 'no-cors', cache: 'no-store', credentials: 'omit' }).then(
  () => location.replace(target),
  () => {
    document.querySelector('#going').hidden = true;
    document.querySelector('#lost').hidden = false;
  },
);
`;

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

const hashOf = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => ENTITIES[char]!);
