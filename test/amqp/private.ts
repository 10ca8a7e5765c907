import { randomBytes } from 'node:crypto';
import type { RabbitMq } from '../broker/private-rabbitmq.ts';

/** Time limit in ms of a hook or test that starts or restarts a broker. A start takes seconds and may be repeated. */
export const WITH_RESTARTS = 200_000;

/** The URL of the broker for a user. */
export function urlOf({ url: own }: Pick<RabbitMq, 'url'>, user: string, password: string): string {
  const url = new URL(own);
  url.username = user;
  url.password = password;
  return url.href;
}

/** The same URL with other hosts: these ports of 127.0.0.1. */
export function withPorts(url: string, ports: readonly number[]): string {
  return url.replace(/@[^/]*/, `@${ports.map((port) => `127.0.0.1:${port}`).join()}`);
}

/** A random password. */
export const newPassword = (): string => `pw${randomBytes(12).toString('hex')}`;
