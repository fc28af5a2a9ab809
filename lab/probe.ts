/** What a training thread would compute with, for the reference sizes; found out once. */

import { availableParallelism } from 'node:os';
import type { DeviceChoice } from '../learn/tensor/device.ts';
import { type ComputeReport, chooseCompute, referenceWorkload } from './compute.ts';

const probes = new Map<string, Promise<ComputeReport>>();

/** `measureAll`: TensorFlow.js is timed too where it is not expected to win. */
export function probeDevice(choice: DeviceChoice, measureAll = false): Promise<ComputeReport> {
  const key = `${choice} ${measureAll}`;
  let probe = probes.get(key);
  if (probe === undefined) {
    probe = measure(choice, measureAll);
    probes.set(key, probe);
  }
  return probe;
}

async function measure(choice: DeviceChoice, measureAll: boolean): Promise<ComputeReport> {
  const compute = await chooseCompute(choice, referenceWorkload, {
    threads: availableParallelism(),
    measureAll,
  });
  compute.dispose();
  const { name, reason, figures, passedOver } = compute;
  return { name, reason, figures, passedOver };
}
