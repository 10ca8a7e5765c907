import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real processes on two shared cores that may freeze for seconds: a bound, not an expectation.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A worker that is interrupted must not leave its processes behind.
    pool: 'forks',
  },
});
