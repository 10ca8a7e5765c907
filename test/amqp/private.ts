import { randomBytes } from 'node:crypto';
import type { RabbitMq } from '../broker/private-rabbitmq.ts';

/** Starts and restarts of a broker take seconds each, and may be tried again: in ms. */
export const BOOTS = 200_000;

/** The broker as a user of it finds it. */
export function urlOf({ url: own }: Pick<RabbitMq, 'url'>, user: string, password: string): string {
  const url = new URL(own);
  url.username = user;
  url.password = password;
  return url.href;
}

/** The same URL with other hosts, all of them ports of 127.0.0.1. */
export function withPorts(url: string, ports: readonly number[]): string {
  return url.replace(/@[^/]*/, `@${ports.map((port) => `127.0.0.1:${port}`).join()}`);
}

/** One that stands nowhere else. */
export const newPassword = (): string => `pw${randomBytes(12).toString('hex')}`;
