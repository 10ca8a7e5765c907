import { describe, expect, test as base } from 'vitest';
import { fixtures, type Shells } from '../cli/harness.ts';

const test = base.extend<Shells>(fixtures);

/** Properties that every JavaScript object inherits. A lookup in the program must not find them. */
const inherited = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__proto__', '__defineGetter__'];
const names = inherited.filter((name) => !name.startsWith('_'));

describe('the name of an inherited property', () => {
  for (const name of inherited) {
    test(`is no field of a row: ${name}`, async ({ q }) => {
      q.write('b.jsonl', `{"to":"r","task_id":"t","instructions":"x","${name}":{"a":1}}\n`);
      const { code, stderr } = await q.run('submit', '--batch', 'b.jsonl');
      expect({ code, row: stderr.split('\n')[0] }).toEqual({ code: 14, row: `row 1: ${name} is not a field of a row` });
    });

    test(`is no schema: ${name}`, async ({ q }) => {
      expect(await q.refused('schema', name)).toMatchObject({ code: 'usage', message: expect.stringContaining(name) });
    });

    test(`is no command: ${name}`, async ({ q }) => {
      expect(await q.refused(name)).toMatchObject({ code: 'usage' });
    });

    test(`is no field of a config: ${name}`, async ({ q }) => {
      q.write('.agentq/config.json', `{"version":1,"${name}":{"a":1}}`);
      expect(await q.refused('status')).toMatchObject({ code: 'usage' });
    });
  }

  for (const name of names) {
    test(`may be a role, an id, a type, an agent and an artifact: ${name}`, async ({ q }) => {
      q.write('a.md', 'x');
      const submit = ['submit', '--to', name, '--type', name, '--from', name, '--id', name, '--instructions', 'x'];
      expect(await q.ok(...submit, '--expect', name)).toBe(name);
      expect((await q.json('status')).roles).toMatchObject([{ role: name, tasks: { queued: 1 } }]);
      expect(await q.json('claim', '--as', name, '--worker', name)).toMatchObject({ task_id: name });
      expect(await q.run('complete', name, '--from', name, '--summary', 'x')).toMatchObject({ code: 15 });
      await q.ok('complete', name, '--from', name, '--summary', 'x', '--artifact', `${name}=a.md`);
      expect((await q.json('inbox', '--as', name)).messages).toMatchObject([{ task_id: name }]);
      expect((await q.json('result', name)).artifacts).toMatchObject([{ name }]);
      expect((await q.run('doctor')).code).toBe(0);
    });

    test(`may have settings as a role: ${name}`, async ({ q }) => {
      q.write('.agentq/config.json', `{"version":1,"roles":{"${name}":{"lease":"90s"}}}`);
      await q.ok('submit', '--to', name, '--id', 't', '--instructions', 'x');
      expect((await q.json('claim', '--as', name)).lease.seconds).toBe(90);
    });
  }
});
