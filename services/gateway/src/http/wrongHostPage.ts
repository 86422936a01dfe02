import { escapeHtml, plainPage, PLAIN_PAGE_STYLE_SOURCE } from './plainPage.js';

/**
 * The page for an address that the gateway does not have: what to do, without an address of the gateway. `/icon.svg` is not
 * available under such an address.
 */
export function wrongHostPage(host: string): { html: string; policy: string } {
  const html = plainPage(
    `<main>
      <h1>PizzaPi does not answer at ${escapeHtml(host)}</h1>
      <p>PizzaPi runs here, and accepts only its own addresses, so that no other page can pose as it.</p>
      <p>To open it from this device, do one of these on the machine where PizzaPi runs:</p>
      <pre>npm start -- --lan</pre>
      <p>listens on the local network, and prints the address and a QR code. If it runs already, choose
        <b>Continue on your phone</b> in its page.</p>
      <pre>npm start -- --public-url https://…</pre>
      <p>names the https address of a reverse proxy, for example of <code>tailscale serve</code>.</p>
    </main>`,
  );
  const policy = `default-src 'none'; style-src ${PLAIN_PAGE_STYLE_SOURCE}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  return { html, policy };
}
