import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Event } from '../../../src/core/task/event.ts';
import type { Task } from '../../../src/core/task/task.ts';
import { scratchFolder } from './scratch.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/0.1');

/** What agentq 0.1 read from the file that it wrote. */
export interface Fixture {
  /** When agentq 0.1 read the file, in ms since 1970. */
  readonly at: number;
  /** The result messages in their queues, by the id of their task. */
  readonly mail: readonly { readonly queue: string; readonly id: string }[];
  /** In the order in which they were submitted. */
  readonly tasks: readonly { readonly task: Task; readonly events: readonly Event[] }[];
}

/**
 * One thing is read differently since 0.2: a refused change no longer counts as the last change of its task. All else
 * must be as 0.1 read it.
 */
export function fixture(name: 'store' | 'log'): Fixture {
  const { tasks, ...read } = JSON.parse(readFileSync(join(fixtures, `${name}.json`), 'utf8')) as Fixture;
  return {
    ...read,
    tasks: tasks.map(({ task, events }) => {
      const updated_at = task.refused > 0 ? events.findLast(({ type }) => type !== 'refused')!.at : task.updated_at;
      return { events, task: { ...task, updated_at } };
    }),
  };
}

/** @returns a folder with the store that agentq 0.1 wrote */
export function storeOfFixture(): string {
  const dir = scratchFolder();
  copyFileSync(join(fixtures, 'store.db'), join(dir, 'agentq.db'));
  return dir;
}

export interface FixtureMessage {
  /** Without the prefix of the queue. */
  readonly exchange: string;
  readonly key: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly content: Buffer;
}

/** The messages of a log that agentq 0.1 wrote. */
export function messagesOfFixture(): readonly FixtureMessage[] {
  return readFileSync(join(fixtures, 'log.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const message = JSON.parse(line) as FixtureMessage & { readonly content: string };
      return { ...message, content: Buffer.from(message.content, 'base64') };
    });
}
