import { describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import { type Config, configSchema, rolePolicy } from '../../src/app/workspace/config.ts';
import { exitCodes, INTERNAL_ERROR } from '../../src/cli/errors/exit-codes.ts';
import { inputs } from '../../src/cli/input/schemas.ts';
import { digests } from '../../src/cli/output/defaults.ts';
import { outputs } from '../../src/cli/output/schemas/outputs.ts';
import { envelopeFields } from '../../src/core/envelope/envelope.ts';
import { LONGEST, parseDuration } from '../../src/core/duration.ts';
import * as limits from '../../src/core/limits.ts';
import { DEFAULT_MAX_ATTEMPTS } from '../../src/core/task/retry.ts';
import { projectFile, rows } from '../docs/tables.ts';
import { badTimes, strict } from './strict.ts';

const read = (name: string) => projectFile(`docs/${name}`);

/** The content of the fenced blocks of JSON. */
function examples(markdown: string): string[] {
  return [...markdown.matchAll(/```json\n(.*?)\n```/gs)].map(([, json]) => json!);
}

const everything = configSchema({ broker: {}, retention: {}, defaults: {}, roles: {} });

describe('docs/exit-codes.md', () => {
  const table = rows(read('exit-codes.md'));

  test('lists exactly the exit codes of the program, in order', () => {
    const documented = table.map(([code, name]) => [name?.replaceAll('`', ''), Number(code)]);
    expect(documented).toEqual([
      ['ok', 0],
      ['internal error', INTERNAL_ERROR],
      ...Object.entries(exitCodes).toSorted(([, a], [, b]) => a - b),
    ]);
  });

  test('contains the meaning of each failure and what to do', () => {
    const poor = table.filter(([code, , meaning, advice]) => code !== '0' && (!meaning || !advice));
    expect(poor).toEqual([]);
  });
});

describe('docs/batch.md', () => {
  test('names every field of a row', () => {
    const documented = rows(read('batch.md')).map(([field]) => field?.replaceAll('`', ''));
    const fields = Object.keys(inputs['submit --batch row'].shape);
    expect(documented).toEqual(fields);
    expect(fields.toSorted()).toEqual([...Object.keys(envelopeFields), 'file'].toSorted());
  });

  test('shows rows that a batch accepts', () => {
    for (const row of examples(read('batch.md')).flatMap((block) => block.trimEnd().split('\n')))
      expect(z.safeParse(strict(inputs['submit --batch row']), JSON.parse(row))).toMatchObject({ success: true });
  });
});

describe('docs/brokers.md', () => {
  test('shows messages of third-party programs that match their schemas', () => {
    const section = read('brokers.md').split('## Third-party workers and coordinators')[1]!;
    const messages = [...section.matchAll(/^\{.*\}$/gm)].map(([line]) => JSON.parse(line));
    expect(messages).toHaveLength(3);
    for (const message of messages) {
      const schema = 'status' in message ? inputs['result message'] : inputs.envelope;
      expect(z.safeParse(schema, message)).toMatchObject({ success: true });
    }
  });
});

describe('docs/json.md', () => {
  const sections = read('json.md').split(/^## /m).slice(1);
  const named = sections.map((section) => [section.slice(0, section.indexOf('\n')), section] as const);

  test('has a section for every output, in order', () => {
    expect(named.map(([name]) => name)).toEqual(Object.keys(outputs));
  });

  for (const [name, section] of named) {
    test(`shows examples of ${name} that match its schema`, () => {
      const lines = examples(section).flatMap((block) => block.split('\n'));
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) {
        const value: unknown = JSON.parse(line);
        const { error } = z.safeParse(strict(outputs[name as keyof typeof outputs]), value);
        expect(error?.issues ?? []).toEqual([]);
        expect(badTimes(value)).toEqual([]);
      }
    });
  }
});

describe('docs/output.md', () => {
  test('lists the fields of each list, in order', () => {
    const [, table] = read('output.md').split('| list | fields |');
    const documented = rows(`| list | fields |${table}`).map(([list, fields]) => [
      list!.replaceAll('`', ''),
      fields!.replaceAll('`', '').split(', '),
    ]);
    const printed = Object.entries(digests).map(([list, names]) => [list, names.replaceAll('tasks.', '').split(',')]);
    expect(documented).toEqual(printed);
  });
});

describe('docs/limits.md', () => {
  test('lists the limits of the program, in order', () => {
    const units: Readonly<Record<string, number>> = {
      KiB: 1024,
      MiB: 1024 ** 2,
      s: 1_000,
      d: 86_400_000,
      years: 365 * 86_400_000,
    };
    const documented = rows(read('limits.md')).map(([, value]) => {
      const [amount, unit = ''] = value!.split(' ');
      return Number(amount!.replaceAll(',', '')) * (units[unit] ?? 1);
    });
    expect(documented).toEqual([
      limits.MAX_ENVELOPE_BYTES,
      limits.MAX_DEPTH,
      limits.MAX_TEXT,
      limits.MAX_BATCH_ROWS,
      limits.MAX_BATCH_BYTES,
      limits.MAX_ROW,
      limits.MAX_STDIN_BYTES,
      limits.MAX_JSON_RESULT_BYTES,
      limits.MAX_LIST,
      limits.MAX_CONFIG_BYTES,
      limits.MIN_LEASE,
      limits.MIN_REMEMBERED,
      LONGEST,
    ]);
  });
});

describe('docs/config.md', () => {
  const [config] = read('config.md').split('## Environment variables');
  const fields = new Map(
    rows(config!).map(([field, value]) => [field!.replaceAll('`', ''), value!.replaceAll('`', '')]),
  );

  test('has an example that is a valid config', () => {
    const [example] = examples(config!);
    const parsed = z.safeParse(everything, JSON.parse(example!));
    expect(parsed.error?.issues ?? []).toEqual([]);
    expect(rolePolicy(parsed.data as Config, 'implementation-worker')).toMatchObject({
      maxAttempts: 5,
      lease: 300_000,
      timeout: 7_200_000,
      concurrency: 2,
      backoff: { base: 60_000, factor: 2, max: 3_600_000, jitter: 0.2 },
    });
  });

  test('lists exactly the fields of the config', () => {
    interface Schema {
      properties?: Record<string, Schema>;
    }
    const names = ({ properties = {} }: Schema, before = ''): string[] =>
      Object.entries(properties).flatMap(([name, inner]) =>
        inner.properties ? names(inner, `${before}${name}.`) : [`${before}${name}`],
      );
    const { properties = {} } = JSON.parse(JSON.stringify(z.toJSONSchema(everything))) as Schema;
    expect([...fields.keys()]).toEqual([
      ...Object.keys(properties),
      ...names(properties['retention']!, 'retention.'),
      ...names(properties['broker']!, 'broker.'),
      ...names(properties['defaults']!),
    ]);
  });

  test('lists the defaults of the program', () => {
    const {
      maxAttempts = DEFAULT_MAX_ATTEMPTS,
      lease,
      timeout = 'none',
      concurrency,
      backoff,
    } = rolePolicy({ version: 1 }, 'r');
    const span = (field: string) => parseDuration(fields.get(field)!);
    expect({
      maxAttempts: Number(fields.get('max_attempts')),
      lease: span('lease'),
      timeout: fields.get('timeout'),
      concurrency: Number(fields.get('concurrency')),
      backoff: {
        base: span('backoff.base'),
        factor: Number(fields.get('backoff.factor')),
        max: span('backoff.max'),
        jitter: Number(fields.get('backoff.jitter')),
      },
    }).toEqual({ maxAttempts, lease, timeout, concurrency, backoff });
  });
});
