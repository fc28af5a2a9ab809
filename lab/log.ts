/** The lab's log: JSON lines in `lab.log` beside the database, for the day something went wrong. Low volume, no numbers. */

import { join } from 'node:path';
import pino, { type Logger } from 'pino';

export type { Logger };

/** Never stops the lab: a log that cannot be written is silent. */
export function openLog(directory: string, readOnly: boolean): Logger {
  const level = process.env['REWARD_LAB_LOG'] ?? 'info';
  if (readOnly || level === 'silent') return pino({ level: 'silent' });
  try {
    const destination = pino.destination({ dest: join(directory, 'lab.log'), sync: true });
    destination.on('error', () => undefined);
    return pino({ level, base: { pid: process.pid } }, destination);
  } catch {
    return pino({ level: 'silent' });
  }
}
