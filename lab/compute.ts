/** Which compute a run works with: the one asked for, the one it was begun with, or the faster one for its sizes. */

import type { Compute, Workload } from '../learn/tensor/compute.ts';
import type { Device, DeviceChoice } from '../learn/tensor/device.ts';
import { openDevice } from '../learn/tensor/open.ts';
import { tfjsCompute } from '../learn/tensor/tfjs.ts';

export interface ComputeWanted {
  readonly choice: DeviceChoice;
  /** The device that the run was begun with, where it was begun. */
  readonly stored?: string | null | undefined;
  /** None: an algorithm without networks. */
  readonly workload?: Workload | undefined;
  readonly threads: number;
  /** How many of the threads may work right now; shared memory. */
  readonly budget?: Int32Array | undefined;
  /** Plain words for the person whose run it is. */
  readonly onAlert?: (message: string) => void;
}

/** @throws Error naming an explicitly chosen device that is not there. */
export async function openComputeFor({ choice }: ComputeWanted): Promise<Compute> {
  return tfjsCompute(await openDevice(choice === 'kernel' || choice === 'auto' ? 'wasm' : choice));
}

/** The TensorFlow.js device for what cannot use the kernel. */
export function openDeviceFor(choice: DeviceChoice): Promise<Device> {
  return openDevice(choice === 'kernel' ? 'auto' : choice);
}
