import { defineConfig } from 'vitest/config';

// One browser at a time: what is measured is recorded in real time.
export default defineConfig({
  test: {
    include: ['extension/e2e/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    retry: process.env['CI'] ? 1 : 0,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
