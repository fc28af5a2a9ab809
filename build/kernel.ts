/**
 * `node build/kernel.ts [--check]`: compiles the engine's hot part to WebAssembly and writes `sim/engine/kernel/module.ts`.
 *
 * The source is the TypeScript itself: what stands between `<kernel>` marks in sim/engine/collide.ts and solver.ts. This file
 * rewrites it into AssemblyScript (arrays become addresses, fields become globals, `number` is already told apart into
 * i32 and f64), so there is one text and two ways to run it. Both do the same operations in the same order on float64:
 * their results are the same bits (test/sim/engine/kernel.test.ts).
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstByte, staticsAt } from '../sim/engine/kernel/open.ts';
import { assemble, fingerprintOf } from './assembly.ts';
import { root } from './renderer.ts';

const sources = ['sim/engine/collide.ts', 'sim/engine/solver.ts'];
const target = 'sim/engine/kernel/module.ts';

type Cell = 'f64' | 'i32';

/** Array fields `readonly name: Float64Array` of an interface or class. */
function arrayFields(text: string): Map<string, Cell> {
  const found = new Map<string, Cell>();
  for (const [, name, type] of text.matchAll(/^ {2}readonly (\w+): (Float64Array|Int32Array);/gm))
    found.set(name!, type === 'Float64Array' ? 'f64' : 'i32');
  return found;
}

/** Scalar fields that are set once. */
function scalarFields(text: string): Map<string, Cell> {
  const found = new Map<string, Cell>();
  for (const [, name, type] of text.matchAll(/^ {2}readonly (\w+): (number|boolean|i32|f64);/gm))
    found.set(name!, name === 'physicsDt' ? 'f64' : type === 'f64' ? 'f64' : 'i32');
  return found;
}

const between = (text: string, from: string, to: string): string => {
  const start = text.indexOf(from);
  return text.slice(start, text.indexOf(to, start));
};

const kernelParts = (text: string): string =>
  text
    .split('// <kernel>')
    .slice(1)
    .map((part) => part.split('// </kernel>')[0]!)
    .join('\n');

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:])\/\/.*$/gm, '$1');

/** Position after the bracket that closes the one at `open`. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if ('([{'.includes(text[i]!)) depth++;
    else if (')]}'.includes(text[i]!) && --depth === 0) return i + 1;
  }
  throw new Error(`Unclosed bracket: ${text.slice(open, open + 80)}`);
}

/** End of the statement that begins at `from`: its semicolon at depth 0. */
function statementEnd(text: string, from: number): number {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    if ('([{'.includes(text[i]!)) depth++;
    else if (')]}'.includes(text[i]!)) depth--;
    if (depth < 0 || (depth === 0 && text[i] === ';')) return i;
  }
  return text.length;
}

/** Array reads and writes become loads and stores. `types`: by name of the array or of what stands for it. */
function addresses(text: string, types: ReadonlyMap<string, Cell>): string {
  const pattern = /\b([A-Za-z_]\w*)\[/g;
  let out = '';
  let at = 0;
  for (;;) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) return out + text.slice(at);
    const name = match[1]!;
    const type = types.get(name) ?? 'f64';
    const open = match.index + name.length;
    const close = closing(text, open);
    // `[expression + constant]`: the constant becomes the instruction's own offset, so that neighbours share an address.
    const inside = text.slice(open + 1, close - 1);
    const split = /^([^?&|<>]*[^?&|<>\s]) \+ (\d+)$/.exec(inside);
    const index = addresses(split ? split[1]! : inside, types);
    const place = `${name} + ((<usize>(${index})) << ${type === 'f64' ? 3 : 2})`;
    const offset = split ? `, ${Number(split[2]) * (type === 'f64' ? 8 : 4)}` : '';
    let rest = close;
    if (text[rest] === '!') rest++;
    out += text.slice(at, match.index);
    const assign = /^\s*(=(?!=)|[-+*/]=)/.exec(text.slice(rest));
    if (assign) {
      const valueAt = rest + assign[0].length;
      const end = statementEnd(text, valueAt);
      const value = addresses(text.slice(valueAt, end), types).trim();
      const whole =
        assign[1] === '=' ? value : `load<${type}>(${place}${offset}) ${assign[1]![0]} (${value})`;
      out += `store<${type}>(${place}, <${type}>(${whole})${offset})`;
      at = end;
    } else {
      out += `load<${type}>(${place}${offset})`;
      at = rest;
    }
  }
}

export interface Source {
  readonly text: string;
  /** Arrays and scalars that the host hands over, in order; tables begin with `t_`. */
  readonly arrays: readonly string[];
  readonly scalars: readonly (readonly [name: string, type: Cell])[];
}

/** The AssemblyScript text. */
export function assemblyScript(): Source {
  const scene = readFileSync(join(root, 'sim/engine/scene.ts'), 'utf8');
  const solver = readFileSync(join(root, 'sim/engine/solver.ts'), 'utf8');
  const tables = between(scene, 'export interface Tables', '\n}\n');
  const fields = between(solver, 'export class Solver', '  constructor(');
  const types = new Map<string, Cell>();
  for (const [name, type] of arrayFields(tables)) types.set(`t_${name}`, type);
  for (const [name, type] of arrayFields(fields)) types.set(`s_${name}`, type);
  const arrays = [...types.keys()];
  const scalars: [string, Cell][] = [
    ...[...scalarFields(tables)].map(([name, type]): [string, Cell] => [`t_${name}`, type]),
    ...[...scalarFields(fields)].map(([name, type]): [string, Cell] => [`s_${name}`, type]),
  ];

  let text = withoutComments(
    sources.map((file) => kernelParts(readFileSync(join(root, file), 'utf8'))).join('\n'),
  );
  for (const [, name] of text.matchAll(/^const (\w+) = new Int32Array/gm)) types.set(name!, 'i32');
  text = text
    .replace(/^ *const t = this\.tables;\n/gm, '')
    .replace(/\bt\.(\w+)/g, 't_$1')
    .replace(/\bthis\.tables\.(\w+)/g, 't_$1')
    .replace(/t_coneAngle\.length/g, 't_cones_length')
    .replace(/\bthis\./g, 's_')
    .replace(/\bhit\./g, 'hit_')
    .replace(/\b(slotTypes|motorTypes)\.(\w+)/g, '$1_$2')
    // Methods become functions.
    .replace(/^ {2}(\w+)\(([^{;]*)\): (\w+) \{$/gm, 'function s_$1($2): $3 {')
    .replace(/: (Float64Array|Int32Array)/g, ': usize')
    .replace(/\bexport /g, '')
    .replace(/^}\s*$(?=\s*$)/gm, '}')
    .replace(/===/g, '==')
    .replace(/!==/g, '!=')
    .replace(/\btoI32\(/g, '<i32>(')
    .replace(/Math\.(sqrt|abs|floor)\(/g, '$1<f64>(')
    .replace(
      /const (\w+) = \((.*?)\): (f64|i32) =>\s*([^;]+);/g,
      '@inline function $1($2): $3 { return $4; }',
    )
    .replace(
      /^const (\w+) = new (?:Float64|Int32)Array\((\d+)\);/gm,
      (_, name, n) => `const ${name}: usize = memory.data(${8 * Number(n)}, 8);`,
    )
    .replace(/^const (\w+) = (-?[\d.e-]+);/gm, 'const $1: f64 = $2;');
  // The object `hit`.
  text = text.replace(/const hit = \{([\s\S]*?)\};/, (_, inside: string) =>
    inside
      .split(',\n')
      .map((line) => {
        const array = /(\w+): new Float64Array\((\d+)\)/.exec(line);
        if (array) return `const hit_${array[1]}: usize = memory.data(${8 * Number(array[2])}, 8);`;
        const scalar = /(\w+): 0/.exec(line);
        return scalar ? `let hit_${scalar[1]}: ${scalar[1] === 'count' ? 'i32' : 'f64'} = 0;` : '';
      })
      .join('\n'),
  );
  text = addresses(text, types);
  const numbers = (object: string, list: Readonly<Record<string, number>>): string =>
    Object.entries(list)
      .map(([name, value]) => `const ${object}_${name}: i32 = ${value};`)
      .join('\n');
  const literal = (name: string): Record<string, number> =>
    Object.fromEntries(
      [...between(scene, `export const ${name} = {`, '}').matchAll(/(\w+): (\d+)/g)].map((m) => [
        m[1]!,
        Number(m[2]),
      ]),
    );
  const scratch = [...fields.matchAll(/^ {2}(\w+)(?:: \w+)? = (0|false);/gm)].map(
    ([, name, value]) => `let s_${name}: ${value === 'false' ? 'bool' : 'i32'} = ${value};`,
  );
  const head = [
    numbers('slotTypes', literal('slotTypes')),
    numbers('motorTypes', literal('motorTypes')),
    `const manifoldSize: i32 = ${/manifoldSize = (\d+)/.exec(scene)![1]};`,
    ...arrays.map((name) => `let ${name}: usize = 0;`),
    ...scalars.map(([name, type]) => `let ${name}: ${type} = 0;`),
    'let t_cones_length: i32 = 0;',
    ...scratch,
    'export function setUp(pointers: usize, values: usize, cones: i32): void {',
    ...arrays.map((name, i) => `  ${name} = <usize>load<i32>(pointers, ${4 * i});`),
    ...scalars.map(([name, type], i) => `  ${name} = <${type}>load<f64>(values, ${8 * i});`),
    '  t_cones_length = cones;',
    '}',
    'export function stepRows(rows: usize, stride: i32, first: i32, count: i32, steps: i32): void {',
    '  for (let i = first; i < first + count; i++) s_step(rows, i * stride, steps);',
    '}',
  ].join('\n');
  const statics = [...text.matchAll(/memory\.data\((\d+)/g)].reduce(
    (sum, [, bytes]) => sum + Number(bytes),
    0,
  );
  if (staticsAt + statics > firstByte)
    throw new RangeError(
      `The kernel's statics take ${statics} bytes, wanted at most ${firstByte - staticsAt}`,
    );
  return { text: `${head}\n${text}`, arrays, scalars };
}

/** A fingerprint of the text, so that a stale module is found without compiling. */
export const hashOf = (source: Source): string => fingerprintOf(source.text);

async function compile(): Promise<{ source: Source; bytes: Uint8Array }> {
  const source = assemblyScript();
  const bytes = await assemble(source.text, [
    ...['-O3', '--converge', '--initialMemory', '1', '--memoryBase', String(staticsAt)],
  ]);
  return { source, bytes };
}

if (import.meta.main) {
  if (process.argv.includes('--text')) {
    process.stdout.write(assemblyScript().text);
  } else {
    const { source, bytes } = await compile();
    const text = `/** Made by build/kernel.ts from sim/engine/collide.ts and solver.ts; do not edit. */

/** Of the text that it was compiled from. */
export const sourceHash = '${hashOf(source)}';
export const arrays: readonly string[] = ${JSON.stringify(source.arrays)};
export const scalars: readonly string[] = ${JSON.stringify(source.scalars.map(([name]) => name))};
export const wasm =
  '${Buffer.from(bytes).toString('base64')}';
`;
    const old = (() => {
      try {
        return readFileSync(join(root, target), 'utf8');
      } catch {
        return '';
      }
    })();
    const same = old.includes(Buffer.from(bytes).toString('base64'));
    if (process.argv.includes('--check')) {
      if (!same) {
        process.stderr.write(`${target} is not what its sources compile to: run node build/kernel.ts\n`);
        process.exitCode = 1;
      }
    } else {
      writeFileSync(join(root, target), text);
      console.log(`${target}: ${bytes.length} bytes of WebAssembly${same ? ', as before' : ''}`);
    }
  }
}
