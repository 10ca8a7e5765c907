import { describe, expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

describe('stats', () => {
  test('prints the figures of the last day, or of another period', async ({ q }) => {
    expect((await q.run('stats')).stderr).toContain('no task has changed in the last 1d');
    await q.submit('a', '--group', 'g');
    q.advance(60);
    await q.claim('--worker', 'one');
    q.advance(30);
    await q.ok('complete', 'a', '--from', 'r', '--summary', 's', '--cost-usd', '0.12', '--tokens', '5300');
    await q.submit('b');
    await q.ok('fail', 'b', '--from', 'r', '--reason', 'no');
    const figures = {
      submitted: 2,
      completed: 1,
      failed: 1,
      cancelled: 0,
      expired: 0,
      failure_rate: 0.5,
      retries: 0,
      wait: { count: 1, p50: 60, p90: 60, p99: 60 },
      run: { count: 1, p50: 30, p90: 30, p99: 30 },
      cost: { usd: 0.12, tokens: 5300 },
    };
    expect(await q.json('stats')).toEqual({
      since: '2027-02-28T12:01:30.000Z',
      until: '2027-03-01T12:01:30.000Z',
      by: 'role',
      total: figures,
      parts: [{ key: 'r', ...figures }],
    });
    const { stdout, stderr } = await q.with({ tty: true, columns: 80 }).run('stats', '--by', 'group', '--no-color');
    expect(stdout).toMatch(/^GROUP +NEW +DONE +FAILED +RATE +WAIT 50\/90\/99 +RUN 50\/90\/99 +COST$/m);
    expect(stdout).toMatch(/^g +1 +1 +0 +0% +1m\/1m\/1m +30s\/30s\/30s +\$0.12$/m);
    expect(stdout).toMatch(/^\(no group\) +1 +0 +1 +100% +- +- +-$/m);
    expect(stdout).toMatch(/^total +2 +1 +1 +50% /m);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(stderr).toContain('what has happened in the last 1d, since 2027-02-28T12:01:30.000Z');
    q.advance(3_601);
    expect((await q.json('stats', '--since', '1h')).parts).toEqual([]);
    expect((await q.json('stats', '--since', '2027-03-01')).total).toEqual(figures);
    expect(await q.refused('stats', '--by', 'day')).toMatchObject({ code: 'usage' });
  });
});
