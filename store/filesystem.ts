/** File systems on which SQLite's locks and shared memory cannot be trusted. */

import { statfsSync } from 'node:fs';

/** Linux `statfs` magic numbers (include/uapi/linux/magic.h and the file systems' own headers). */
const networked: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB 2',
  22092: 'NCP',
  16914839: '9P',
  1397113167: 'AFS',
  1799439955: 'AFS',
  1937076805: 'Coda',
  12805120: 'Ceph',
  198183888: 'Lustre',
  1196443219: 'GPFS',
};

/** Name of the network file system with this magic number; undefined for local ones and those we do not know. */
export function networkFileSystem(type: number): string | undefined {
  // Node hands the number over signed where the platform's field is signed.
  return networked[type >>> 0];
}

/** Name of the network file system this folder is on, if any. Known on Linux only. */
export function networkFileSystemOf(directory: string): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return networkFileSystem(statfsSync(directory).type);
  } catch {
    return undefined;
  }
}
