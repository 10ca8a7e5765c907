import { BrokerWorkspace } from './broker-workspace.ts';
import type { Measure } from './figure.ts';
import { percentile } from './measure.ts';
import { wakeRow, wakings } from './wake.ts';

const P50 = 40;

/** Measures the same as `wake`, over a broker: the submit, the worker and the broker are three processes. */
export const amqpWake: Measure = async ({ dir, quick, broker }) => {
  await using workspace = await BrokerWorkspace.make(dir, broker);
  const samples = quick ? 30 : 100;
  const latencies = await wakings(workspace.folder, samples);
  return [wakeRow(`AMQP: return of submit to start of the child, p50 of ${samples}`, P50, percentile(latencies, 0.5))];
};
