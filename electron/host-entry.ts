/** What Electron starts as the host process: host.ts with the real lab. */

import { openLab } from '../lab/host.ts';
import { projectDirectory } from '../lab/project.ts';
import { runHost } from './host.ts';

await runHost({
  parent: process.parentPort,
  project: projectDirectory(process.argv[2]),
  open: (project) => openLab({ project }),
  exit: (code) => process.exit(code),
});
