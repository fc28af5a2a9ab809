/** Which device a training thread would choose, found out once and off the main thread's critical path. */

import type { Device, DeviceChoice } from '../learn/tensor/device.ts';
import { openDeviceFor } from './compute.ts';

const probes = new Map<DeviceChoice, Promise<Pick<Device, 'name' | 'reason' | 'passedOver'>>>();

export function probeDevice(choice: DeviceChoice): Promise<Pick<Device, 'name' | 'reason' | 'passedOver'>> {
  let probe = probes.get(choice);
  if (probe === undefined) {
    probe = openDeviceFor(choice).then(({ name, reason, passedOver }) => ({ name, reason, passedOver }));
    probes.set(choice, probe);
  }
  return probe;
}
