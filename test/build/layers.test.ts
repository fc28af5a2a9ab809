import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { checkFile, checkLayers } from '../../build/layers.ts';

const project = join(import.meta.dirname, '..', '..');

/** What is found in one file, as `line: what`. */
const found = (file: string, source: string): string[] =>
  checkFile(file, source).map(({ line, what }) => `${line}: ${what}`);

test('the tree of this project keeps its layers', () => {
  const { files, breaches } = checkLayers(project);
  assert.ok(files > 40, `${files} files looked at`);
  assert.deepEqual(breaches, []);
});

const refused: Record<string, [file: string, source: string, what: string]> = {
  'sim imports learn': ['sim/a.ts', `import { x } from '../learn/b.ts';`, 'imports learn/b.ts'],
  'sim imports types of learn': ['sim/a.ts', `import type { X } from '../learn/b.ts';`, 'imports learn/b.ts'],
  'sim imports Node': ['sim/a.ts', `import { readFileSync } from 'node:fs';`, 'imports node:fs'],
  'sim imports a package': ['sim/a.ts', `import { z } from 'zod';`, 'imports zod'],
  'sim re-exports lab': ['sim/tasks/a.ts', `export * from '../../lab/b.ts';`, 'imports lab/b.ts'],
  'learn imports store': ['learn/a.ts', `export { x } from '../store/b.ts';`, 'imports store/b.ts'],
  'learn imports Node': ['learn/rewards/a.ts', `import fs from 'node:fs';`, 'imports node:fs'],
  'learn imports Node beside the threads of its kernel': [
    'learn/tensor/kernel/networks.ts',
    `import { cpus } from 'node:os';`,
    'imports node:os',
  ],
  'learn takes a type of Node': [
    'learn/a.ts',
    `type P = import('node:worker_threads').MessagePort;`,
    'imports node:worker_threads',
  ],
  'learn imports a package that is no tfjs': ['learn/a.ts', `import ws from 'ws';`, 'imports ws'],
  'store imports lab': ['store/a.ts', `import { x } from '../lab/b.ts';`, 'imports lab/b.ts'],
  'store imports learn': ['store/a.ts', `import type { X } from '../learn/b.ts';`, 'imports learn/b.ts'],
  'lab imports renderer': ['lab/a.ts', `import { x } from '../renderer/b.ts';`, 'imports renderer/b.ts'],
  'lab imports electron': [
    'lab/a.ts',
    `const e = await import('../electron/main.ts');`,
    'imports electron/main.ts',
  ],
  'lab imports the package electron': ['lab/a.ts', `import { app } from 'electron';`, 'imports electron'],
  'lab starts a worker of the window': [
    'lab/a.ts',
    `new URL('../renderer/w.ts', import.meta.url);`,
    'imports renderer/w.ts',
  ],
  'lab imports a browser package': [
    'lab/a.ts',
    `import { createRoot } from 'react-dom/client';`,
    'imports react-dom',
  ],
  'lab imports build': [
    'lab/a.ts',
    `import { root } from '../build/renderer.ts';`,
    'imports build/renderer.ts',
  ],
  'electron imports learn': ['electron/a.ts', `import { x } from '../learn/b.ts';`, 'imports learn/b.ts'],
  'electron imports renderer': [
    'electron/a.ts',
    `import type { X } from '../renderer/b.ts';`,
    'imports renderer/b.ts',
  ],
  'renderer imports values of the api': [
    'renderer/a.ts',
    `import { contract } from '../lab/api.ts';`,
    'imports values of lab/api.ts, wanted `import type`',
  ],
  'renderer imports a value among types': [
    'renderer/a.ts',
    `import { type Run, contract } from '../lab/api.ts';`,
    'imports values of lab/api.ts, wanted `import type`',
  ],
  'renderer imports more of lab': [
    'renderer/a.ts',
    `import type { L } from '../lab/lab.ts';`,
    'imports lab/lab.ts',
  ],
  'renderer imports sim': ['renderer/a.tsx', `import type { X } from '../sim/env.ts';`, 'imports sim/env.ts'],
  'renderer imports Node': ['renderer/a.ts', `import { join } from 'node:path';`, 'imports node:path'],
  'sim draws unseeded': ['sim/a.ts', `export const x = Math.random();`, 'uses Math.random'],
  'sim draws unseeded by another way': [
    'sim/a.ts',
    `export const x = globalThis['Math']['random']();`,
    'uses Math.random',
  ],
  'learn takes random out of Math': [
    'learn/a.ts',
    `const { random } = Math; random();`,
    'takes random out of Math',
  ],
  'learn asks for the time': ['learn/a.ts', `export const t = Date.now();`, 'uses Date.now'],
  'learn asks for the date': ['learn/a.ts', `export const t = new Date();`, 'uses new Date()'],
  'sim measures time': ['sim/a.ts', `export const t = performance.now();`, 'uses performance.now'],
  'sim draws from crypto': [
    'sim/a.ts',
    `crypto.getRandomValues(new Uint8Array(1));`,
    'uses crypto.getRandomValues',
  ],
  'sim looks at the document': [
    'sim/a.ts',
    `export const b = document.body;`,
    'uses document of the browser',
  ],
  'learn knows a canvas': [
    'learn/a.ts',
    `export type C = HTMLCanvasElement;`,
    'uses HTMLCanvasElement of the browser',
  ],
  'learn reaches the window through globalThis': [
    'learn/a.ts',
    `export const w = globalThis.window;`,
    'uses window',
  ],
  'sim reads the environment': ['sim/a.ts', `export const e = process.env;`, 'uses process of Node'],
};
for (const [title, [file, source, what]] of Object.entries(refused)) {
  test(`refused: ${title}`, () => {
    assert.deepEqual(found(file, `// first line\n${source}\n`), [`2: ${what}`]);
  });
}

const allowed: Record<string, [file: string, source: string]> = {
  'learn imports sim and tfjs': [
    'learn/a.ts',
    `import * as tf from '@tensorflow/tfjs'; import type { Env } from '../sim/env.ts'; import { b } from './b.ts';`,
  ],
  'learn asks the machine for its devices in one file': [
    'learn/tensor/open.ts',
    `import { createRequire } from 'node:module'; await import('webgpu'); export const g = process.platform;`,
  ],
  'learn starts the threads of its kernel': [
    'learn/tensor/kernel/threads.ts',
    `import { Worker } from 'node:worker_threads'; new Worker(new URL('./worker.ts', import.meta.url));`,
  ],
  'a thread of the kernel says that it ends': [
    'learn/tensor/kernel/worker.ts',
    `import { workerData } from 'node:worker_threads'; process.on('exit', () => workerData);`,
  ],
  'store imports Node, SQLite and sim': [
    'store/a.ts',
    `import D from 'better-sqlite3'; import { zstdCompressSync } from 'node:zlib'; import { h } from '../sim/h.ts';`,
  ],
  'lab imports learn, store, sim and packages': [
    'lab/cli/a.ts',
    `import '../../learn/a.ts'; import '../../store/a.ts'; import '../../sim/a.ts'; import 'commander'; new URL('../worker.ts', import.meta.url);`,
  ],
  'electron imports lab': [
    'electron/a.ts',
    `import { openLab } from '../lab/host.ts'; import { app } from 'electron';`,
  ],
  'renderer imports types of the api and lab/pack': [
    'renderer/a.tsx',
    `import type { Run } from '../lab/api.ts'; import { type Episode } from '../lab/api.ts'; import { unpack } from '../lab/pack.ts'; import 'react';`,
  ],
  'test imports anything': [
    'test/renderer/a.ts',
    `import '../../renderer/a.ts'; import '../../electron/a.ts';`,
  ],
  'comments and strings may say Math.random': [
    'sim/a.ts',
    `// never Math.random() or Date.now()\nexport const help = 'no Math.random, no window, no process';`,
  ],
  'a name of our own is not the browser’s': [
    'sim/a.ts',
    `export function slide(window: number, history: number[]): number { const document = window; return document + history.length; }`,
  ],
  'a member or a key is not a variable': [
    'learn/a.ts',
    `export const o = { window: 1, process: 2 }; export const w = o.window + o.process; export interface I { location: number }`,
  ],
  'a fixed date is no clock': ['learn/a.ts', `export const d = new Date(0);`],
};
for (const [title, [file, source]] of Object.entries(allowed)) {
  test(`allowed: ${title}`, () => assert.deepEqual(found(file, source), []));
}

test('a breach names file, line, what was found and the rule', () => {
  const root = mkdtempSync(join(tmpdir(), 'reward-lab-layers-'));
  try {
    const write = (file: string, source: string): void => {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), source);
    };
    write('sim/env.ts', `export const dt = 0.02;\nexport const x = Math.random();\n`);
    write('lab/a.ts', `import { dt } from '../sim/env.ts';\nexport default dt;\n`);
    write('renderer/p/b.tsx', `\n\nimport { dt } from '../../sim/env.ts';\n`);
    assert.deepEqual(checkLayers(root), {
      files: 3,
      breaches: [
        {
          file: 'sim/env.ts',
          line: 2,
          what: 'uses Math.random',
          rule: "same seed, same numbers: sim uses the run's seeded generator and no clock",
        },
        {
          file: 'renderer/p/b.tsx',
          line: 3,
          what: 'imports sim/env.ts',
          rule: 'renderer imports types of lab/api, and lab/pack; no Node, no Electron, nothing else of ours',
        },
      ],
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test('a file that is no TypeScript is named', () => {
  assert.throws(() => checkFile('sim/broken.ts', 'const = 1;'), /^SyntaxError: sim\/broken\.ts: /);
});
