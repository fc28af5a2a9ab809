/** `npm run bench -- <name> [args]`: runs bench/<name>.ts; without a name, says which there are. */

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from './renderer.ts';
import { filesUnder } from './stale.ts';

const names = filesUnder(root, 'bench')
  .map((file) => /^bench\/([\w-]+)\.ts$/.exec(file)?.[1])
  .filter((name) => name !== undefined);
const [name, ...args] = process.argv.slice(2);

if (name === undefined || !names.includes(name)) {
  const asked = name === undefined ? 'Which benchmark?' : `Unknown benchmark '${name}'.`;
  process.stderr.write(`${asked} npm run bench -- <${names.join(' | ') || 'none is here yet'}>\n`);
  process.exitCode = 2;
} else {
  const child = spawn(process.execPath, [join(root, 'bench', `${name}.ts`), ...args], { stdio: 'inherit' });
  process.on('SIGINT', () => child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('close', (code) => {
    process.exitCode = code ?? 1;
  });
}
