import { defineConfig } from 'vitest/config';

// Suites are folders of test/; scripts/test.mjs runs them one after another and adds up.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Hosts in namespaces, browsers and builds share two cores: one file at a time is faster and steadier.
    fileParallelism: false,
    pool: 'forks',
    // Engines under test ask no router and no DHT of the machine that they run on; tests of that say otherwise.
    env: { WEFT_DISCOVERY: 'none' },
  },
});
