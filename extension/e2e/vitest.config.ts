import { defineConfig } from 'vitest/config';

/** They measure frame rates, distances and processor time: nothing else may run beside them. */
const ALONE = ['golden', 'two-tabs', 'cost', 'encoder', 'transcribe'].map((name) => `extension/e2e/${name}.test.ts`);
const common = { globalSetup: 'extension/e2e/build.ts', pool: 'forks', retry: process.env['CI'] ? 1 : 0, testTimeout: 120_000, hookTimeout: 120_000 } as const;

export default defineConfig({
  test: {
    projects: [
      { test: { ...common, name: 'together', include: ['extension/e2e/**/*.test.ts'], exclude: ALONE, maxWorkers: 2, sequence: { groupOrder: 0 } } },
      { test: { ...common, name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
