import { svelte } from '@sveltejs/vite-plugin-svelte';
import tailwindcss from '@tailwindcss/vite';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

/** The gateway that the development server hands API and WebSockets to. */
const gateway = process.env['PIZZAPI_DEV_GATEWAY'] ?? 'http://127.0.0.1:7492';

/** Every browser that the page runs in reads WOFF2: the other formats of KaTeX's fonts would only make the build larger. */
const onlyWoff2: Plugin = {
  name: 'only-woff2',
  enforce: 'pre',
  transform: (code, id) =>
    /katex[^/]*\.css$/.test(id)
      ? code.replace(/,\s*url\([^)]*\)\s*format\(["'](?:woff|truetype)["']\)/g, '')
      : undefined,
};

export default defineConfig({
  // The gateway serves one build at any path.
  base: './',
  plugins: [svelte(), tailwindcss(), onlyWoff2],
  resolve: {
    // The sources of the other rooms, so that a build needs none of their builds. The two aliases are without `eval`,
    // which a strict Content-Security-Policy does not let run.
    conditions: ['@pizzapi/source', 'module', 'browser', 'development|production'],
    alias: {
      msgpackr: 'msgpackr/index-no-eval',
      'typebox/compile': fileURLToPath(new URL('./src/csp/typeboxCompile.ts', import.meta.url)),
    },
  },
  worker: { format: 'es' },
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': gateway, '/ws': { target: gateway, ws: true } },
  },
});
