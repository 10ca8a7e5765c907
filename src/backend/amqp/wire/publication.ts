import type { Options } from 'amqplib';

/** A message to be published. */
export interface Publication {
  readonly exchange: string;
  readonly key: string;
  readonly content: Buffer;
  readonly options: Options.Publish & { readonly messageId: string };
  /** Called when it is on its way: from then on the broker may take it, whatever becomes of the connection. */
  readonly onSent?: (() => void) | undefined;
}
