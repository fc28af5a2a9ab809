/**
 * `npm run ok [-- --no-test]`: types, lint and format, layers, lock file, tests. One line each with its time; all of them
 * run, whatever fails, and what failed is shown in full.
 */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkLayers, describeBreach } from './layers.ts';
import { lockProblems } from './lock.ts';
import { root } from './renderer.ts';

interface Outcome {
  readonly ok: boolean;
  /** Shown when it is not ok. */
  readonly text: string;
}

function runNode(args: readonly string[], { show = false } = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', show ? 'inherit' : 'pipe', 'pipe'],
    });
    let text = '';
    const keep = (chunk: Buffer): void => {
      text += chunk.toString();
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', show ? (chunk: Buffer) => process.stderr.write(chunk) : keep);
    child.on('error', (error) => resolve({ ok: false, text: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, text }));
  });
}

const bin = (path: string): string => join(root, 'node_modules', ...path.split('/'));

const checks: Readonly<Record<string, () => Promise<Outcome> | Outcome>> = {
  types: () => runNode([bin('typescript/bin/tsc'), '-p', root, '--pretty', 'false']),
  'lint and format': () => runNode([bin('@biomejs/biome/bin/biome'), 'check', '--max-diagnostics=50', '.']),
  layers: () => {
    const { breaches } = checkLayers(root);
    return { ok: breaches.length === 0, text: breaches.map(describeBreach).join('\n') };
  },
  'lock file': () => {
    const problems = lockProblems(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    return { ok: problems.length === 0, text: problems.join('\n') };
  },
};

async function main(): Promise<number> {
  const failed: string[] = [];
  for (const [name, check] of Object.entries(checks)) {
    const began = performance.now();
    const { ok, text } = await check();
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(18)} ${seconds.padStart(6)} s\n`);
    if (ok) continue;
    failed.push(name);
    process.stdout.write(`${text.trimEnd().replace(/^/gm, '    ')}\n`);
  }
  if (!process.argv.includes('--no-test')) {
    const { ok } = await runNode([join(root, 'build', 'test.ts')], { show: true });
    if (!ok) failed.push('tests');
  }
  if (failed.length > 0) process.stderr.write(`Not ok: ${failed.join(', ')}\n`);
  return failed.length > 0 ? 1 : 0;
}

process.exitCode = await main();
