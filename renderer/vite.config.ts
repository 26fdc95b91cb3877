// Builds the UI into dist/renderer. `--mode mock` builds the same UI over the fake engine into dist/renderer-mock, for tests only.
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig(({ mode }) => ({
  root: here('.'),
  // Relative, so that the same files work behind http://127.0.0.1:PORT/ and app://weft/.
  base: './',
  plugins: [react()],
  build: {
    outDir: here(mode === 'mock' ? '../dist/renderer-mock' : '../dist/renderer'),
    emptyOutDir: true,
    // The oldest window it must run in is Electron 22's.
    target: 'chrome108',
    cssTarget: 'chrome108',
    // The CSP allows neither data: fonts nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000,
    rollupOptions: { input: here(mode === 'mock' ? './mock.html' : './index.html') },
  },
}));
