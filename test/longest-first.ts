import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take half a minute and more, and are short: Vitest starts the largest files first. */
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
    // oxlint-disable-next-line unicorn/no-array-sort -- it is no array: the sequencer returns a promise of a new one
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
