import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

/** The hub's own page: it ends up in the binary (crates/pages), which serves it under /hub/page/. */
export default defineConfig({
  root: 'src/hub',
  base: '/hub/page/',
  plugins: [svelte({ configFile: '../../svelte.config.js' })],
  build: {
    outDir: '../../dist-hub',
    emptyOutDir: true,
    assetsDir: '',
    // Browsers that know light-dark() and module workers.
    target: ['chrome123', 'safari17.5', 'firefox120'],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  worker: { format: 'es' },
});
