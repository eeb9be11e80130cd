import { defineConfig } from 'vitest/config';

const files = (...names: string[]): string[] => names.map((name) => `extension/e2e/${name}.test.ts`);
/** They record nothing and wait most of their time. */
const PAGES = files('region', 'pages', 'store', 'hostile', 'embedded-switch');
/** They measure frame rates, distances and processor time: nothing else may run beside them. */
const ALONE = files('golden', 'two-tabs', 'cost', 'encoder', 'transcribe');
const common = { globalSetup: 'extension/e2e/build.ts', pool: 'forks', retry: process.env['CI'] ? 1 : 0, testTimeout: 120_000, hookTimeout: 120_000 } as const;

export default defineConfig({
  test: {
    projects: [
      { test: { ...common, name: 'pages', include: PAGES, maxWorkers: 2, sequence: { groupOrder: 0 } } },
      { test: { ...common, name: 'together', include: ['extension/e2e/**/*.test.ts'], exclude: [...PAGES, ...ALONE], maxWorkers: 2, sequence: { groupOrder: 1 } } },
      { test: { ...common, name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
});
