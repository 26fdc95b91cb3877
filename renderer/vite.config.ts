import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The oldest window it must run in is Electron 22's (Chrome 108). Nothing inline: the content policy forbids it.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [react()],
  build: {
    outDir: '../dist/renderer',
    emptyOutDir: true,
    target: 'chrome108',
    cssTarget: 'chrome108',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
  },
});
