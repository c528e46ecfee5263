import { mergeConfig } from 'vite';
import window from './vite.config.ts';

/** The window over sample data as it is built, for audits: faster to load than from the development server. */
export default mergeConfig(window({ mode: 'production', command: 'build' }), {
  build: { rollupOptions: { input: 'dev.html' }, minify: false },
});
