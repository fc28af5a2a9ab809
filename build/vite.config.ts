/** How the window is bundled: `renderer/` -> `dist/renderer`. Works under `serve` and under Electron's `app://`. */

import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export default defineConfig({
  root: at('renderer'),
  // Relative addresses, so the same files open at http://127.0.0.1:<port>/ and at app://lab/.
  base: './',
  cacheDir: at('node_modules/.vite'),
  plugins: [react()],
  build: {
    outDir: at('dist/renderer'),
    emptyOutDir: true,
    target: 'es2024',
    sourcemap: false,
    // The content security policy allows no data: scripts and no inline ones; fonts and pictures become files too.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4096,
    rolldownOptions: { output: { hashCharacters: 'hex' } },
  },
  server: { host: '127.0.0.1', strictPort: false },
});
