import { expect } from 'vitest';
import {
  claimed,
  commitOne,
  done,
  edit,
  envelope,
  MINUTE,
  nothingToClaim,
  refused,
  release,
  requestOf,
  submit,
} from './checked-requests.ts';
import type { Theme } from './harness.ts';

/** A task that is edited before a worker begins it. */
export const editing: Theme = (check) => {
  check('an edit changes what a worker gets, and the history says what was before', async ({ open }) => {
    const [lead, worker] = [await open(), await open()];
    await done(lead, submit('a'), submit('b'), submit('c', { priority: 'high' }));
    await done(lead, edit('b', { priority: 'high', instructions: 'do it well', ttl_seconds: 600 }));
    // The priority of the first token counts no more.
    await done(lead, edit('c', { priority: 'low' }, { reason: 'it can wait' }));
    expect(await claimed(worker)).toMatchObject({
      id: 'b',
      envelope: { priority: 'high', instructions: 'do it well', ttl_seconds: 600 },
    });
    expect((await claimed(worker)).id).toBe('a');
    expect((await claimed(worker)).id).toBe('c');
    await nothingToClaim(worker);
    expect(await lead.history('b')).toMatchObject([
      { type: 'submitted', envelope: { priority: 'normal', instructions: 'do b' } },
      {
        type: 'edited',
        by: 'lead',
        set: { priority: 'high', instructions: 'do it well', ttl_seconds: 600 },
        was: { priority: 'normal', instructions: 'do b' },
      },
      { type: 'claimed' },
    ]);
    expect((await lead.history('c'))[1]).toMatchObject({ reason: 'it can wait', was: { priority: 'high' } });
    expect(await lead.task('b')).toEqual(await worker.task('b'));
  });

  check('an edit gives a task to another role, whose workers alone get it', async ({ open, clock }) => {
    const [lead, worker] = [await open(), await open()];
    await done(lead, submit('a'), submit('later', { delay_seconds: 60 }));
    await done(lead, edit('a', { to: 'reviewer' }, { max_attempts: 7 }), edit('later', { to: 'reviewer' }));
    await nothingToClaim(worker);
    expect(await claimed(worker, { role: 'reviewer' })).toMatchObject({ id: 'a', max_attempts: 7 });
    await nothingToClaim(worker, { role: 'reviewer' });
    clock.advance(MINUTE);
    await nothingToClaim(worker);
    expect(await claimed(worker, { role: 'reviewer' })).toMatchObject({ id: 'later' });
    const { roles } = await lead.counts();
    expect(roles.find(({ role }) => role === 'reviewer')).toMatchObject({ tasks: { working: 2 } });
  });

  check('an edit is for tasks that no worker has had, and its repetition changes nothing', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), edit('a', { priority: 'high' }));
    expect(await commitOne(backend, edit('a', { priority: 'high' }))).toMatchObject({ changed: false });
    await claimed(backend);
    await refused(backend, edit('a', { priority: 'low' }), 'conflict');
    expect(await commitOne(backend, edit('a', { priority: 'high' }))).toMatchObject({ changed: false });
    await done(backend, release('a', 1));
    await refused(backend, edit('a', { priority: 'low' }), 'conflict');
  });

  check('a submit of an edited task may repeat the first content or the edited one', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), edit('a', { instructions: 'do it well' }), edit('a', { priority: 'high' }));
    const edited = envelope('a', { instructions: 'do it well', priority: 'high' });
    expect(await commitOne(backend, submit('a'))).toMatchObject({ changed: false, task: { envelope: edited } });
    expect(await commitOne(backend, requestOf('a', { type: 'submit', envelope: edited }))).toMatchObject({
      changed: false,
    });
    const { refusal } = await refused(backend, submit('a', { type: 'other' }), 'conflict');
    expect(refusal!.message).toMatch(/other content: type$/);
  });
};
