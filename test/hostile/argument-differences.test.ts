import { expect, test } from 'vitest';
import { argumentDifferences } from '../../src/backend/amqp/topology/argument-differences.ts';
import type { Arguments } from '../../src/backend/amqp/topology/topology.ts';

const DAY = 86_400_000;
const UNITS: Readonly<Record<string, number>> = { D: DAY, h: 3_600_000, m: 60_000, s: 1_000 };

/** The message of RabbitMQ for an argument that differs. */
const differs = (name: string, got: unknown, has: unknown) =>
  `arg '${name}' for queue 'agentq.log' in vhost '/': received ${value(got)} but current is ${value(has)}`;
const value = (one: unknown) =>
  one === undefined ? 'none' : `the value '${one as string}' of type '${typeof one === 'number' ? 'long' : 'longstr'}'`;

/** Answers like RabbitMQ 4.3.6 or later, which compares ages in milliseconds (rabbitmq-server, pull request 17259). */
function newRabbit(has: Arguments, asked: Arguments[]) {
  const compared = (args: Arguments, name: string) => (name === 'x-max-age' ? age(args[name]) : args[name]);
  return async (args: Arguments): Promise<string | undefined> => {
    asked.push(args);
    if (typeof args['x-max-age'] === 'number')
      return "invalid arg 'x-max-age' for queue 'agentq.log': unacceptable_type";
    const names = [...new Set([...Object.keys(has), ...Object.keys(args)])];
    const name = names.find((one) => compared(args, one) !== compared(has, one));
    return name === undefined ? undefined : differs(name, compared(args, name), compared(has, name));
  };
}

function age(text: string | number | undefined): number | undefined {
  const [, count, unit] = /^(\d+)([Dhms])$/.exec(String(text)) ?? [];
  return count === undefined ? undefined : Number(count) * UNITS[unit!]!;
}

test('each difference is reported once if the broker compares ages in milliseconds', async () => {
  const has = { 'x-queue-type': 'stream', 'x-max-age': '7D', 'x-max-length-bytes': 5 };
  const wanted = { 'x-queue-type': 'stream', 'x-max-age': '30D', 'x-max-length-bytes': 9 };
  const asked: Arguments[] = [];
  expect(await argumentDifferences(wanted, newRabbit(has, asked))).toEqual([
    differs('x-max-age', 30 * DAY, 7 * DAY),
    differs('x-max-length-bytes', 9, 5),
  ]);
  expect(asked).toHaveLength(3);
});

test('a difference is reported once if the broker does not accept its own value', async () => {
  const stubborn = async () => differs('x-max-age', '30D', '7D');
  expect(await argumentDifferences({ 'x-max-age': '30D' }, stubborn)).toEqual([differs('x-max-age', '30D', '7D')]);
});
