import { describe, expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

describe('note', () => {
  test('refuses an option that it would ignore', async ({ q }) => {
    for (const line of [
      ['--as', 'bob'],
      ['--allow-secret'],
      ['--remove', 'n', '--group', 'g'],
      ['--remove', 'n', '--allow-secret'],
      ['text', '--from', 'bob'],
      ['--remove', 'n', '--limit', '3'],
    ])
      expect(await q.refused('note', ...line)).toMatchObject({
        exit: 2,
        message: expect.stringContaining(' means nothing when '),
      });
  });

  test('keeps notes, lists them with the newest first, and removes them', async ({ q }) => {
    expect((await q.run('note')).stderr).toBe('no notes\n');
    const plan = await q.ok('note', 'plan: first the parser\nthen the tests', '--group', 'release', '--as', 'lead');
    q.advance(60);
    const other = await q.ok('note', 'ask about the deadline');
    expect(await q.json('note')).toEqual({
      notes: [
        { note_id: other, text: 'ask about the deadline', by: 'coordinator', at: '2027-03-01T12:01:00.000Z' },
        {
          note_id: plan,
          text: 'plan: first the parser\nthen the tests',
          group: 'release',
          by: 'lead',
          at: '2027-03-01T12:00:00.000Z',
        },
      ],
      more: false,
    });
    expect(await q.ok('note')).toContain(
      `${plan}  lead, group release, 1m ago\n  plan: first the parser\n  then the tests`,
    );
    for (const filter of [
      ['--group', 'release'],
      ['--from', 'lead'],
    ])
      expect((await q.json('note', ...filter)).notes).toMatchObject([{ note_id: plan }]);
    expect(await q.json('note', '--limit', '1')).toMatchObject({ notes: [{ note_id: other }], more: true });

    expect(await q.json('note', '--remove', plan)).toEqual({ note_id: plan, changed: true });
    expect(await q.json('note', '--remove', plan)).toEqual({ note_id: plan, changed: false });
    expect((await q.json('note')).notes).toMatchObject([{ note_id: other }]);
  });

  test.for<[string, string[], string]>([
    ['an unknown note to remove', ['--remove', 'note-x'], 'not-found'],
    ['an empty text', [''], 'usage'],
    ['a text that is too long', ['x'.repeat(8_001)], 'too-large'],
    ['a credential', [`token ${['ghp', 'aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789'].join('_')}`], 'secret'],
    ['a text together with --remove', ['text', '--remove', 'n'], 'usage'],
    ['a text together with a filter', ['text', '--from', 'lead'], 'usage'],
  ])('refuses %s', async ([, args, code], { q }) => {
    expect(await q.refused('note', ...args)).toMatchObject({ code });
  });
});
