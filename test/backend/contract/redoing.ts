import { expect } from 'vitest';
import {
  claimed,
  commitOne,
  complete,
  done,
  evidence,
  idsOf,
  nothingToClaim,
  QUEUE,
  redo,
  refused,
  submit,
  typesOf,
} from './checked-requests.ts';
import type { Theme } from './harness.ts';

/** A completed task that is done again. */
export const redoing: Theme = (check) => {
  check('a redo withdraws the result message, and the role gets the task for a new attempt', async ({ open }) => {
    const [lead, worker] = [await open(), await open()];
    await done(lead, submit('a', { max_attempts: 1 }));
    await claimed(worker);
    const result = evidence('result');
    await done(worker, complete('a', 1, { summary: 'first', result }));
    expect(await idsOf(lead.inbox(QUEUE, 10))).toEqual(['a']);
    const redone = await done(lead, redo('a', 'its result was lost'));
    expect(redone).toMatchObject({
      status: 'queued',
      forgiven: 1,
      attempts: [{ number: 1, outcome: 'completed' }],
      redone: [{ by: 'lead', reason: 'its result was lost', completion: { summary: 'first', result, attempt: 1 } }],
    });
    expect(await lead.inbox(QUEUE, 10)).toEqual([]);
    expect(await commitOne(worker, redo('a', 'its result was lost'))).toMatchObject({ changed: false, task: redone });
    await refused(worker, redo('a', 'another reason'), 'conflict');
    // The first worker repeats its command, and holds nothing.
    await refused(worker, complete('a', 1, { summary: 'first', result }), 'conflict');
    expect(await claimed(worker)).toMatchObject({ id: 'a', lease: { attempt: 2 } });
    await nothingToClaim(worker);
    await done(worker, complete('a', 2, { summary: 'second' }));
    const [message, ...others] = await lead.inbox(QUEUE, 10);
    expect(message).toMatchObject({ completion: { summary: 'second', attempt: 2 }, redone: redone.redone });
    expect(others).toEqual([]);
    expect(await lead.task('a')).toEqual(await worker.task('a'));
    const history = ['submitted', 'claimed', 'completed', 'redone', 'refused', 'claimed', 'completed'];
    expect(await typesOf(lead.history('a'))).toEqual(history);
  });
};
