/**
 * Makes what Electron runs: dist/app mirrors the source tree (sim, learn, store, lab, electron, recipes, docs), each TypeScript
 * file with its types taken out by Node itself and `.ts` in its imports turned into `.js`, because Electron's Node reads
 * no TypeScript. Nothing is bundled, so worker threads and files that are found by path stay where the code looks for
 * them. Only the preload is bundled: sandboxed, it must be one CommonJS file.
 */

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { parseSync, Visitor } from 'vite';
import { root } from './renderer.ts';
import { filesUnder, hashOf, isStale, stamp } from './stale.ts';

const folders = ['sim', 'learn', 'store', 'lab', 'electron'];
const inputs = [...folders, 'recipes', 'docs', 'package.json', 'build/app.ts'];

export const appDir = join(root, 'dist', 'app');
const stampFile = join(root, 'dist', 'app.stamp');

/** `./x.ts` -> `./x.js` in imports, exports and `new URL('./x.ts', import.meta.url)`; other strings stay. */
export function toJavaScript(file: string, source: string): string {
  const stripped = stripTypeScriptTypes(source, { mode: 'strip' });
  const parsed = parseSync(file.replace(/\.ts$/, '.js'), stripped);
  const [problem] = parsed.errors;
  if (problem) throw new SyntaxError(`${file}: ${problem.message}`);
  /** Offsets of the closing quote of each path to change. */
  const ends: number[] = [];
  const note = (value: unknown, end: number): void => {
    if (typeof value === 'string' && value.startsWith('.') && value.endsWith('.ts')) ends.push(end - 1);
  };
  new Visitor({
    ImportDeclaration: (node) => note(node.source.value, node.source.end),
    ExportAllDeclaration: (node) => note(node.source.value, node.source.end),
    ExportNamedDeclaration: (node) => {
      if (node.source) note(node.source.value, node.source.end);
    },
    ImportExpression: (node) => {
      if (node.source.type === 'Literal') note(node.source.value, node.source.end);
    },
    NewExpression: (node) => {
      const [first] = node.arguments;
      if (node.callee.type === 'Identifier' && node.callee.name === 'URL' && first?.type === 'Literal') {
        note(first.value, first.end);
      }
    },
  }).visit(parsed.program);
  return ends
    .sort((a, b) => b - a)
    .reduce((text, end) => `${text.slice(0, end - 2)}js${text.slice(end)}`, stripped);
}

async function bundlePreload(appDir: string): Promise<void> {
  const { build } = await import('vite');
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    build: {
      outDir: join(appDir, 'electron'),
      emptyOutDir: false,
      copyPublicDir: false,
      minify: false,
      target: 'es2024',
      lib: { entry: join(root, 'electron', 'preload.ts'), formats: ['cjs'], fileName: () => 'preload.cjs' },
      rolldownOptions: { external: ['electron'] },
    },
  });
}

/** Writes the whole app into `appDir`, which is emptied first. */
export async function writeApp(appDir: string): Promise<void> {
  rmSync(appDir, { recursive: true, force: true });
  for (const file of folders.flatMap((folder) => filesUnder(root, folder))) {
    // The preload is bundled, AssemblyScript is compiled (networks-kernel.ts, hash-kernel.ts).
    if (file === 'electron/preload.ts' || file.endsWith('.as')) continue;
    const from = join(root, file);
    const to = join(appDir, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(to), { recursive: true });
    if (file.endsWith('.ts')) writeFileSync(to, toJavaScript(file, readFileSync(from, 'utf8')));
    else cpSync(from, to);
  }
  cpSync(join(root, 'recipes'), join(appDir, 'recipes'), { recursive: true });
  // The window shows the pages; it has no use for their pictures.
  for (const file of filesUnder(root, 'docs').filter((one) => one.endsWith('.md'))) {
    mkdirSync(dirname(join(appDir, file)), { recursive: true });
    cpSync(join(root, file), join(appDir, file));
  }
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  writeFileSync(
    join(appDir, 'package.json'),
    `${JSON.stringify({ name, version, type: 'module', main: 'electron/main.js' }, null, 2)}\n`,
  );
  await bundlePreload(appDir);
}

/** Writes dist/app when its sources have changed. Returns true when it did. */
export async function buildApp({ force = false } = {}): Promise<boolean> {
  const hash = hashOf(root, inputs);
  if (!force && !isStale(stampFile, hash)) return false;
  await writeApp(appDir);
  stamp(stampFile, hash);
  return true;
}

if (import.meta.main) await buildApp({ force: true });
