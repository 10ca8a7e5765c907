import { describe, expect } from 'vitest';
import { test } from './fixture.ts';
import { SLOW } from './site.ts';

describe('an attempt on another machine', { timeout: SLOW }, () => {
  test('its log can be followed there, arrives when it has ended, and its cost while it runs', async ({
    cast: { site, lead, one },
  }) => {
    await lead.ok('submit', '--to', 'r', '--id', 'a', '--instructions', 'do it', '--expect', 'report');
    await one.claim();
    await one.ok('release', 'a', '--from', 'r', '--reason', 'no room');
    const far = lead.start('logs', 'a', '--follow');
    const near = one.start('logs', 'a', '--follow');
    const worker = one.work(
      `cat > "$OUT/brief"; trap 'echo bye; exit 1' TERM; echo up; echo '{"usd":0.5}' > "$AGENTQ_COST_FILE"; touch "$OUT/up"
       while :; do sleep 0.1; done`,
      '--lease',
      '9s',
    );
    await site.lines('up', 0);
    await expect.poll(() => near.stdout, { timeout: SLOW }).toBe('up\n');
    expect(site.read('brief')).toMatch(/- report: a file .*\nFormer attempts:\n- attempt 1 released: no room\n$/);
    expect(await lead.refused('logs', 'a')).toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/^attempt 2 of a has no log yet: .* runs it on another machine/),
    });
    await expect
      .poll(async () => (await lead.task('a')).attempts[1]?.cost, { timeout: SLOW, interval: 1_500 })
      .toEqual({ usd: 0.5 });
    await expect.poll(() => far.stderr, { timeout: SLOW }).toContain('attempt 2 of a has no log yet');
    await lead.ok('cancel', 'a');
    await worker.reported('cancelled', { task_id: 'a' });
    for (const follower of [near, far])
      expect(await follower.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^up\n[^]*bye\n$/) });
    expect(await lead.ok('logs', 'a')).toMatch(/^up\n[^]*bye$/);
  });
});
