import type { Options } from 'amqplib';

/** A message to be published. */
export interface Publication {
  readonly exchange: string;
  readonly key: string;
  readonly content: Buffer;
  readonly options: Options.Publish & { readonly messageId: string };
  /** Called when it was sent: from then on the broker may accept it, even if the connection is lost. */
  readonly onSent?: (() => void) | undefined;
}
