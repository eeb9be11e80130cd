import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{shared,server,dashboard,extension,scripts,bench}/**/*.test.ts'],
    exclude: ['extension/e2e/**', 'node_modules/**'],
    pool: 'forks',
    maxWorkers: 2,
    // Two shared, noisy cores: one more try in CI; vitest says which tests took it.
    retry: process.env['CI'] ? 1 : 0,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
