/** `doctor`: versions, what computes and why with its timings, and the health of the project's database. */

import { existsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { DeviceChoice } from '../../learn/tensor/device.ts';
import { openStore } from '../../store/index.ts';
import { referenceWorkload } from '../compute.ts';
import { messageOf } from '../errors.ts';
import { probeDevice } from '../probe.ts';
import { versions } from '../versions.ts';
import { print, printJson } from './output.ts';

export async function doctor(project: string, choice: DeviceChoice, json: boolean): Promise<number> {
  const problems: string[] = [];
  const device = await probeDevice(choice, true).catch((error: unknown) => {
    problems.push(messageOf(error));
    return undefined;
  });
  const database: Record<string, unknown> = {
    file: join(project, 'lab.db'),
    exists: existsSync(join(project, 'lab.db')),
  };
  if (database['exists'] === true) {
    try {
      const store = openStore(project, { mode: 'read' });
      try {
        const health = store.health({ full: true });
        Object.assign(database, health);
        problems.push(...health.problems);
      } finally {
        store.close();
      }
    } catch (error) {
      database['ok'] = false;
      problems.push(messageOf(error));
    }
  }
  const electron = existsSync(new URL('../../node_modules/electron/dist', import.meta.url));
  const report = {
    ok: problems.length === 0,
    versions: versions(),
    machine: { cores: availableParallelism(), memoryGiB: Math.round(totalmem() / 2 ** 30) },
    device: device === undefined ? null : { ...device, timed: referenceWorkload },
    window: electron ? 'Electron' : 'browser (the Electron binary is not there)',
    database,
    problems,
  };
  if (json) printJson(report);
  else {
    print(
      `Reward Lab ${report.versions['rewardLab']}, Node ${report.versions['node']}, ${report.versions['platform']}`,
    );
    print(`machine: ${report.machine.cores} cores, ${report.machine.memoryGiB} GiB`);
    if (device !== undefined) {
      print(`device: ${device.name} - ${device.reason}`);
      const { networks, updateRows, actRows } = referenceWorkload;
      const sizes = networks.map((shape) => shape.sizes.join(' -> ')).join(', ');
      print(`  timed for networks ${sizes}, median of calls:`);
      for (const { name, updateMs, actUs } of device.figures) {
        print(
          `  ${name}: update of ${updateRows} rows ${updateMs.toFixed(3)} ms, act on ${actRows} ${actUs.toFixed(1)} us`,
        );
      }
      for (const { name, reason } of device.passedOver) print(`  passed over ${name}: ${reason}`);
    }
    print(`window: ${report.window}`);
    const file = String(database['file']);
    if (database['exists'] !== true) print(`database: none yet at ${file}`);
    else {
      const schema = database['schemaVersion'];
      const opened = schema === undefined ? '' : `, schema ${schema}, SQLite ${database['sqliteVersion']}`;
      print(`database: ${file}${opened}, ${database['ok'] === true ? 'healthy' : 'NOT healthy'}`);
    }
    for (const problem of problems) print(`problem: ${problem}`);
  }
  return problems.length === 0 ? 0 : 1;
}
