import { svelte } from '@sveltejs/vite-plugin-svelte';
import tailwindcss from '@tailwindcss/vite';
import { fileURLToPath } from 'node:url';
import icons from 'unplugin-icons/vite';
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

const STYLE_ELEMENT = /[\w$]+(?:\.[\w$]+)*\.createElement\("style"\)/g;
const STYLE_ATTRIBUTE = /(\w+)\.setAttribute\("style",`\$\{\1\.getAttribute\("style"\)\|\|""\}\$\{(\w+)\};`\)/g;
/** What xterm.js has of each. */
const [ELEMENTS, ATTRIBUTES] = [3, 1];

/**
 * Has xterm.js write its styles in ways that the page's policy allows: `<style>` elements become style sheets of the
 * document, and `style` attributes the declarations of their elements. The build fails when another version of xterm.js
 * has other places.
 */
const strictXterm: Plugin = {
  name: 'strict-xterm',
  enforce: 'pre',
  transform(code, id) {
    if (!/@xterm\/xterm\/lib\/xterm\.mjs(?:\?|$)/.test(id)) return undefined;
    const [elements, attributes] = [STYLE_ELEMENT, STYLE_ATTRIBUTE].map((pattern) => code.match(pattern)?.length);
    if (elements !== ELEMENTS || attributes !== ATTRIBUTES)
      return this.error('xterm.js has other places with styles: change the plugin strict-xterm');
    const standIn = fileURLToPath(new URL('./src/csp/xtermStyles.ts', import.meta.url));
    const strict = code
      .replace(STYLE_ELEMENT, 'pageStyleElement()')
      .replace(STYLE_ATTRIBUTE, (_all, node: string, style: string) => `${node}.style.cssText+=${style}+";"`);
    return { code: `import{styleElement as pageStyleElement}from${JSON.stringify(standIn)};${strict}`, map: null };
  },
};

/**
 * `~icons/lucide/<name>` is the component of an icon, in 24 px. Its lines are as thick as the attribute `stroke-width` says, and
 * it is hidden from screen readers where it has no label.
 */
const iconSource = (svg: string) => `<script>const { ...attributes } = $props();</script>
<svg viewBox="0 0 24 24" width="24" height="24" stroke-width="2"
  aria-hidden={attributes['aria-label'] === undefined ? 'true' : undefined}
  {...attributes}>${svg.slice(svg.indexOf('>') + 1).replaceAll(' stroke-width="2"', '')}`;

export default defineConfig({
  // The gateway serves one build at any path.
  base: './',
  plugins: [
    svelte(),
    icons({ compiler: { compiler: iconSource, extension: 'svelte' } }),
    tailwindcss(),
    onlyWoff2,
    strictXterm,
  ],
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
    chunkSizeWarningLimit: 1_200,
    // What the page needs at its start is one file: over a slow network, each of twenty small ones would cost a round trip.
    rolldownOptions: {
      // Of a package without side effects, only the modules in use are compiled: a third of bits-ui.
      experimental: { lazyBarrel: true },
      output: { codeSplitting: { groups: [{ name: 'page', tags: ['$initial'] }] } },
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': gateway, '/ws': { target: gateway, ws: true } },
  },
});
