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

/** One that stands nowhere else. */
export const newPassword = (): string => `pw${randomBytes(12).toString('hex')}`;
