import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig(({ mode }) => ({
  plugins: [svelte()],
  // The Fluent files lie beside this folder: Rust reads the same ones.
  server: { fs: { allow: ['..'] } },
  build: {
    // The oldest web views that know light-dark(): WebKitGTK 2.44, macOS 14.5, WebView2 123.
    target: ['chrome123', 'safari17.5'],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  resolve: mode === 'test' ? { conditions: ['browser'] } : {},
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts'] },
}));
