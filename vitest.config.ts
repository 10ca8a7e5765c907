import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

/** The tests that need a broker. Only a run with one of them among its files waits for one to start. */
const BROKER = ['test/**/*amqp*{,/**/*}.test.ts', 'test/**/*rabbitmq*.test.ts'];

export default defineConfig({
  test: {
    // Real processes on two shared cores that may freeze for seconds: a bound, not an expectation.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A worker that is interrupted must not leave its processes behind.
    pool: 'forks',
    // The files change nothing that lasts in their process. To load the program once for many saves CPU time.
    isolate: false,
    // Most files wait most of the time: for a broker that starts, a lease that ends, a worker that polls.
    maxWorkers: Math.max(6, availableParallelism()),
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'local', include: ['test/**/*.test.ts'], exclude: BROKER } },
      {
        extends: true,
        test: {
          name: 'broker',
          include: BROKER,
          globalSetup: 'test/broker/global-setup.ts',
          setupFiles: 'test/broker/end-of-file.ts',
        },
      },
    ],
  },
});
