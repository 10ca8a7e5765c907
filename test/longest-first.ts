import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Short files that run for half a minute or more. Vitest itself starts the largest files first. */
const LONG = [
  'backend/amqp.test.ts',
  'worker/amqp-torture.test.ts',
  'hostile/huge-files.test.ts',
  'backend/amqp-replicated.test.ts',
  'docs/readme-amqp.test.ts',
];

/** Starts long files first, so that the last file does not run alone. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => LONG.some((long) => moduleId.endsWith(`/test/${long}`));
    // oxlint-disable-next-line unicorn/no-array-sort -- this is not an array: the sequencer returns a promise
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
