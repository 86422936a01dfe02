import { createReadStream, existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { build } from 'vite';

/** What the gateway sends with the page: what it forbids must not be needed. */
export const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The name of a file in `assets` changes with its content. */
const FOR_EVER = 'public, max-age=31536000, immutable';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

/** Builds the page with the scripted gateway into `outDir`. */
export async function buildScriptedPage(outDir: string): Promise<void> {
  const root = join(import.meta.dirname, '..');
  const input = join(import.meta.dirname, 'index.html');
  await build({
    root,
    configFile: join(root, 'vite.config.ts'),
    logLevel: 'error',
    build: { outDir, emptyOutDir: true, rolldownOptions: { input } },
  });
}

/** Serves a built page under the gateway's policy; every path that is no file is the page. */
export async function servePage(dir: string): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const path = join(dir, new URL(request.url ?? '/', 'http://page').pathname);
    const file = path.startsWith(dir) && extname(path) !== '' && existsSync(path) ? path : join(dir, 'dev/index.html');
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream');
    response.setHeader('content-security-policy', POLICY);
    // As the gateway sends it: without it, the browser reads and compiles the whole program anew with each load.
    if (file.startsWith(join(dir, 'assets/'))) response.setHeader('cache-control', FOR_EVER);
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
