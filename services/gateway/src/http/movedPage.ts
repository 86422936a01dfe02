import { pagePathOf } from '@pizzapi/process';
import { escapeHtml, hashOfInline, plainPage, PLAIN_PAGE_STYLE_SOURCE } from './plainPage.js';

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
  const path = pagePathOf(pageUrl);
  const isLocal = hostname.endsWith('.localhost');
  const html = plainPage(
    `<main>
      <img src="/icon.svg" alt="" width="40" height="40" />
      <div id="going">
        <h1>PizzaPi has an address of its own</h1>
        <p>It is <a id="there" href="${escapeHtml(pageUrl)}" data-page="${escapeHtml(pageUrl)}" data-path="${escapeHtml(path)}" data-live="${escapeHtml(`${pageUrl}/livez`)}">${escapeHtml(pageUrl)}</a>. You are taken there.</p>
        <noscript><p>Follow the link: this browser runs no scripts.</p></noscript>
      </div>
      <div id="lost" hidden role="alert">
        <h1>This browser does not find ${escapeHtml(hostname)}</h1>
        ${isLocal ? localHelp(port) : '<p>PizzaPi’s page is there, and its address is not reached from here.</p>'}
        <p class="faint"><a id="again" href="${escapeHtml(pageUrl)}">Try it anyway</a></p>
      </div>
    </main>
    <script>${SCRIPT}</script>`,
    '<link rel="icon" href="/icon.svg" type="image/svg+xml" />',
  );
  const policy = [
    "default-src 'none'",
    `script-src '${hashOfInline(SCRIPT)}'`,
    `style-src ${PLAIN_PAGE_STYLE_SOURCE}`,
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
const { page, path, live } = link.dataset;
const { pathname } = location;
const target = page + ((pathname + '/').startsWith(path + '/') ? pathname.slice(path.length) : pathname) + location.search + location.hash;
link.href = document.querySelector('#again').href = target;
fetch(live, { mode: 'no-cors', cache: 'no-store', credentials: 'omit' }).then(
  () => location.replace(target),
  () => {
    document.querySelector('#going').hidden = true;
    document.querySelector('#lost').hidden = false;
  },
);
`;
