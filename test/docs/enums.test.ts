import { readdirSync } from 'node:fs';
import { parse } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import { assignment } from '../../src/app/worker/child/assignment.ts';
import { childEnvironment } from '../../src/app/worker/child/child-environment.ts';
import { outcomes } from '../../src/app/worker/attempt-report.ts';
import { URL_PARAMETERS } from '../../src/backend/amqp/connection/broker-url.ts';
import { topologyOf } from '../../src/backend/amqp/topology/topology.ts';
import { COMMON_LIMITS, COORDINATOR_LIMITS } from '../../src/backend/amqp/wire/message/bounded-json.ts';
import { DELAY_LEVELS, Names } from '../../src/backend/amqp/wire/names.ts';
import { exitCodes } from '../../src/cli/errors/exit-codes.ts';
import { DriftView, outputs, TaskView } from '../../src/cli/output/schemas/outputs.ts';
import type { Define } from '../../src/cli/verb.ts';
import { priorities } from '../../src/core/envelope/priority.ts';
import { ResultMessage } from '../../src/core/result/result-message.ts';
import { Event } from '../../src/core/task/event.ts';
import { claim, story, submit } from '../core/tasks.ts';
import { firstCells, projectFile, quoted, section } from './tables.ts';

const json = projectFile('docs/json.md');
const brokers = projectFile('docs/brokers.md');
const config = projectFile('docs/config.md');
const readme = projectFile('README.md');
const docs = readdirSync(new URL('../../docs', import.meta.url))
  .filter((name) => name.endsWith('.md'))
  .map((name) => projectFile(`docs/${name}`));

const sorted = (values: Iterable<string>) => [...new Set(values)].toSorted();

describe('a list of values in the docs has exactly the values of the code', () => {
  /** The values in backticks of the first text that matches. */
  const listed = (markdown: string, pattern: RegExp) => quoted(pattern.exec(markdown)?.[1] ?? '');
  const events = Event.def.options.flatMap((option) => option.def.shape.type.def.values);
  const severity = outputs.doctor.def.shape.findings.def.element.def.shape.severity;
  const why = TaskView.def.shape.why.def.innerType;

  const lists: [string, string[], readonly string[]][] = [
    ['kinds of drift', listed(section(json, 'status ID'), /`drift` lists ([^;]*);/), DriftView.def.shape.kind.options],
    ['why a task is scheduled', listed(section(json, 'status ID'), /`why` \(([^)]*)\)/), why.options],
    ['types of events', listed(section(json, 'show'), /`type` is one of ([^.]*)\./), events],
    [
      'statuses of a result message',
      listed(section(json, 'inbox'), /`status` is ([^;]*);/),
      ResultMessage.def.shape.status.options,
    ],
    ['outcomes of an attempt', listed(section(json, 'work'), /then one of ([^.]*)\./), outcomes],
    ['severities', listed(section(json, 'doctor'), /severity is ([^.]*)\./), severity.options],
    ['URL parameters', firstCells(section(brokers, 'The URL')).flatMap(quoted).map(nameOfParameter), URL_PARAMETERS],
  ];
  test.for(lists)('%s', ([, documented, actual]) => expect(sorted(documented)).toEqual(sorted(actual)));

  function nameOfParameter(text: string): string {
    return text.slice(0, text.indexOf('='));
  }
});

describe('docs/json.md', () => {
  /** All field names of a JSON schema. */
  const fieldsOf = (schema: object): string[] =>
    Object.entries(schema).flatMap(([key, inner]: [string, unknown]) => [
      ...(key === 'properties' ? Object.keys(inner as object) : []),
      ...(inner !== null && typeof inner === 'object' ? fieldsOf(inner) : []),
    ]);
  const fields = Object.entries(outputs).map(
    ([name, schema]) => [name, sorted(fieldsOf(z.toJSONSchema(schema, { io: 'input' })))] as const,
  );

  test('mentions every field of every output', () => {
    const missing = fields.flatMap(([, names]) => names).filter((name) => !new RegExp(`["\`.]${name}["\`]`).test(json));
    expect(sorted(missing)).toEqual([]);
  });

  test('mentions no field that does not exist', () => {
    const all = new Set([...fields.flatMap(([, names]) => names), ...Event.def.options.flatMap(fieldsOfEvent)]);
    const words = quoted(json.replaceAll(/```.*?```/gs, '')).filter((word) => /^[a-z]+_[a-z_]+$/.test(word));
    expect(words.filter((word) => !all.has(word))).toEqual([]);
  });

  function fieldsOfEvent(option: (typeof Event)['def']['options'][number]): string[] {
    return Object.keys(option.def.shape);
  }
});

describe('docs/brokers.md', () => {
  test('names what agentq declares on the broker, and nothing else', () => {
    const names = new Names('agentq');
    const retention = { days: 30, bytes: 10_000_000_000 };
    const declared = [true, false].flatMap((replicated) => {
      const wish = { names, roles: ['ROLE'], replyTos: ['results.AGENT'], replicated, retention };
      const { exchanges, queues } = topologyOf(wish);
      return [...exchanges, ...queues].map(({ name }) => name);
    });
    const cells = firstCells(section(brokers, 'What agentq declares on the broker')).flatMap(quoted);
    const documented = cells
      .filter((name) => name !== 'reply_to')
      .flatMap((name) => {
        if (name === 'agentq.delay.00') return Array.from({ length: DELAY_LEVELS }, (_, level) => names.delay(level));
        return name === `.${DELAY_LEVELS - 1}` ? [] : [name];
      });
    expect(sorted([...documented, 'agentq.work.ROLE.high', 'agentq.work.ROLE.low'])).toEqual(sorted(declared));
  });

  test('lists the limits of messages', () => {
    const of = ({ bytes, depth }: { readonly bytes: number; readonly depth: number }) => [
      `${bytes / 1024 ** 2} MiB after decompression`,
      `${depth.toLocaleString('en')} levels`,
    ];
    const { values, text, events } = COMMON_LIMITS;
    const common = [
      ...of(COMMON_LIMITS),
      `${values.toLocaleString('en')} values`,
      `strings of ${text / 1024 ** 2} MiB`,
      `${events} events`,
    ];
    expect(brokers).toContain(`${common.join(', ')}.`);
    expect(brokers).toContain(`For batches of coordinators the limits are ${of(COORDINATOR_LIMITS).join(' and ')}.`);
  });

  test('lists the priorities in routing keys', () => {
    const [, normal, others] = /`agentq\.work\.ROLE\.(\w+)` \(or ([^)]*)\)/.exec(brokers)!;
    expect(sorted([normal!, ...quoted(others!).map((name) => name.slice(1))])).toEqual(sorted(priorities));
  });
});

describe('environment variables', () => {
  const variable =
    /\b(?:AGENTQ_[A-Z_]+|CLICOLOR_FORCE|COLUMNS|FORCE_COLOR|NO_COLOR|TERM|XDG_CACHE_HOME|NODE_COMPILE_CACHE)\b/g;
  const documented = firstCells(section(config, 'Environment variables')).flatMap(quoted);

  test('docs/config.md lists exactly the variables that the program knows', () => {
    const sources = readdirSync(new URL('../../src', import.meta.url), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => projectFile(`src/${path}`));
    const used = [...sources, projectFile('bin/agentq.cjs')].flatMap((source) => source.match(variable) ?? []);
    // AGENTQ_VERSION is set by the build.
    expect(sorted(documented)).toEqual(
      sorted([...used, 'NODE_COMPILE_CACHE']).filter((name) => name !== 'AGENTQ_VERSION'),
    );
  });

  test('the docs and the README name no other variables', () => {
    const named = [readme, ...docs].flatMap((text) => text.match(variable) ?? []);
    expect(sorted(named).filter((name) => !documented.includes(name))).toEqual([]);
  });

  test('the README names the variables that a program of work gets', () => {
    const { task } = story(submit(), claim());
    const places = { scratch: '/s', resultFile: '/s/result.md', artifactsDir: '/a', costFile: '/s/cost.json' };
    const services = { workspace: { dir: '/w' }, store: {} } as Parameters<typeof childEnvironment>[0];
    const { variables } = assignment(services, task, 1, places);
    const given = Object.keys(childEnvironment(services, task, 1, { file: '/c' }, places, variables));
    const rows = section(readme, 'A worker').match(variable) ?? [];
    // The first two are for the commands that the program calls.
    expect(sorted(rows)).toEqual(sorted(given).filter((name) => name !== 'AGENTQ_DIR' && name !== 'AGENTQ_AGENT'));
  });
});

describe('codes and commands', () => {
  test('the README lists the exit codes of wait', () => {
    const told = section(readme, 'A coordinator').match(/\d (?:completed|cancelled|failed|expired)/g);
    const { cancelled, failed, expired } = exitCodes;
    expect(told).toEqual(['0 completed', `${cancelled} cancelled`, `${failed} failed`, `${expired} expired`]);
  });

  test('docs/limits.md names existing error codes', () => {
    const codes = projectFile('docs/limits.md')
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| limit') && !line.startsWith('| -'))
      .flatMap((line) => quoted(line.split('|')[3]!));
    expect(codes.length).toBeGreaterThan(5);
    expect(codes.filter((code) => !(code in exitCodes))).toEqual([]);
  });

  test('the docs and the README name existing commands and options', async () => {
    const names = readdirSync(new URL('../../src/cli/commands', import.meta.url)).map((file) => parse(file).name);
    const commands = await Promise.all(
      names.map(async (name) => {
        const { define } = (await import(`../../src/cli/commands/${name}.ts`)) as { define: Define };
        const command = new Command(name);
        define(command, () => {
          throw new Error('not called');
        });
        return command;
      }),
    );
    const verbs = new Set(['help', ...commands.map((command) => command.name())]);
    const { addGlobalOptions } = await import('../../src/cli/input/global-options.ts');
    const all = [...commands, ...commands.flatMap((command) => command.commands), addGlobalOptions(new Command())];
    const options = new Set(['--help', '--version', ...all.flatMap((one) => one.options.map(({ long }) => long!))]);
    const code = [readme, ...docs].flatMap((text) => text.match(/```sh\n.*?```|`[^`\n]+`/gs) ?? []).join('\n');
    const calls = code.match(/\bagentq (?!then\b)[a-z].*/g) ?? [];
    expect(calls.length).toBeGreaterThan(30);
    expect(sorted(calls.map((call) => call.split(/[\s`]/)[1]!)).filter((verb) => !verbs.has(verb))).toEqual([]);
    const named = calls.flatMap((call) => call.split(' -- ')[0]!.match(/(?<=\s)--[a-z][a-z-]+/g) ?? []);
    expect(sorted(named).filter((option) => !options.has(option))).toEqual([]);
  });
});
