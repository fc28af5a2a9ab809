/** Which device computes. Filled in by `openDevice`; algorithms use `device.tf` and free every tensor. */

import type * as TensorFlow from '@tensorflow/tfjs';

export type DeviceName = 'tfjs-node-gpu' | 'webgpu' | 'wasm' | 'cpu';
/** What a person may ask for; `kernel` is our own code (compute.ts), not one of TensorFlow.js. */
export type DeviceChoice = 'auto' | 'kernel' | DeviceName;

export interface Device {
  readonly name: DeviceName;
  /** One plain sentence: what it is. */
  readonly reason: string;
  /** What was tried before and why it was passed over, in order. */
  readonly passedOver: readonly { readonly name: DeviceName; readonly reason: string }[];
  readonly tf: typeof TensorFlow;
}
