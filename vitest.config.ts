import { defineConfig } from 'vitest/config';

/** They put another module in the place of one of ours, which works only in a process that has not loaded it yet. */
const mutants = 'test/integration/mutants/**/*.test.ts';

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/support/closing-line.ts'],
    // Two cores: more workers would only take time from the servers under test.
    maxWorkers: 2,
    allowOnly: false,
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: 'all',
          include: ['test/**/*.test.ts'],
          exclude: [mutants, '**/node_modules/**'],
          setupFiles: ['test/support/canary-tap.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          // A process for each of two hundred files would spend more time on its start than on its tests.
          isolate: false,
        },
      },
      {
        test: {
          name: 'mutants',
          include: [mutants],
          setupFiles: ['test/support/canary-tap.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
