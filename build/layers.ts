/**
 * The layer check: imports point one way, and what must repeat bit for bit asks nobody for the time or for chance.
 *
 *   renderer -> lab/api (types only)      electron, cli, serve -> lab -> { learn, store } -> sim
 *   sim imports nothing of ours · nobody imports electron or renderer · test, bench, build import anything
 *
 * The syntax tree comes from the parser inside Vite (oxc), so comments and strings do not count.
 */

import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { type ESTree, parseSync, Visitor } from 'vite';
import { filesUnder } from './stale.ts';

export interface Breach {
  readonly file: string;
  readonly line: number;
  readonly what: string;
  readonly rule: string;
}

interface Import {
  readonly target: string;
  readonly typeOnly: boolean;
}

/** What the files of one folder may use. */
interface Layer {
  readonly rule: string;
  /** Other folders of ours this one may import from, beside itself. */
  readonly ours: readonly string[];
  /** Packages and `node:` modules; null allows it. */
  readonly refusesPackage: (name: string, file: string) => string | null;
  /** Same seed, same numbers: no clock, no unseeded chance. */
  readonly repeatable: boolean;
  /** Names of the browser (or of Node) must not be used. */
  readonly noDom: boolean;
  readonly noNodeGlobals: boolean;
}

const browserPackages = /^(react|react-dom|three|uplot|dockview|dockview-react|zustand|@mantine\/.*)$/;
const storePackages = ['better-sqlite3', 'liqe', 'fastest-levenshtein'];
const notHere = (name: string): string => `imports ${name}`;
/** Where learn/ asks the machine which devices it has; it may load addons and read the process there. */
const deviceFile = 'learn/tensor/open.ts';
/** Where learn/ starts and runs the threads of its kernel. */
const threadFiles = ['learn/tensor/kernel/threads.ts', 'learn/tensor/kernel/worker.ts'];
const nodeFiles = [deviceFile, ...threadFiles];

const layers: Readonly<Record<string, Layer>> = {
  sim: {
    rule: 'sim imports nothing of ours, no package, nothing of Node and nothing of the browser',
    ours: [],
    refusesPackage: notHere,
    repeatable: true,
    noDom: true,
    noNodeGlobals: true,
  },
  learn: {
    rule: `learn imports only sim and @tensorflow packages; Node only in ${nodeFiles.join(', ')}`,
    ours: ['sim'],
    refusesPackage: (name, file) => {
      if (name.startsWith('@tensorflow/')) return null;
      if (nodeFiles.includes(file) && name.startsWith('node:')) return null;
      if (file === deviceFile && name === 'webgpu') return null;
      return notHere(name);
    },
    repeatable: true,
    noDom: true,
    noNodeGlobals: true,
  },
  store: {
    rule: 'store imports only sim, Node, better-sqlite3 and what reads filter expressions (liqe, fastest-levenshtein)',
    ours: ['sim'],
    refusesPackage: (name) =>
      name.startsWith('node:') || storePackages.includes(name) ? null : notHere(name),
    repeatable: false,
    noDom: false,
    noNodeGlobals: false,
  },
  lab: {
    rule: 'lab imports learn, store and sim; no window and no Electron',
    ours: ['learn', 'store', 'sim'],
    refusesPackage: (name) => (browserPackages.test(name) || name === 'electron' ? notHere(name) : null),
    repeatable: false,
    noDom: false,
    noNodeGlobals: false,
  },
  electron: {
    rule: 'electron imports lab, Node and electron; no browser package',
    ours: ['lab'],
    refusesPackage: (name) => (browserPackages.test(name) ? notHere(name) : null),
    repeatable: false,
    noDom: false,
    noNodeGlobals: false,
  },
  renderer: {
    rule: 'renderer imports types of lab/api, and lab/pack; no Node, no Electron, nothing else of ours',
    ours: [],
    refusesPackage: (name) =>
      name.startsWith('node:') || name === 'electron' || name === 'better-sqlite3' ? notHere(name) : null,
    repeatable: false,
    noDom: false,
    noNodeGlobals: true,
  },
};

/** Folders that may import any of the layers above, except as the rules of `nobody` say. */
const free = ['test', 'bench', 'build'];
/** `test` may reach into the shell and the window, because it tests them. */
const mayImportShells = ['test', 'bench', 'build'];

const domNames = new Set(
  (
    'window document navigator localStorage sessionStorage indexedDB location history alert ' +
    'requestAnimationFrame cancelAnimationFrame XMLHttpRequest HTMLElement HTMLCanvasElement ' +
    'HTMLImageElement HTMLVideoElement OffscreenCanvas CanvasRenderingContext2D ImageData Document Window ' +
    'customElements matchMedia fetch WebSocket Worker'
  ).split(' '),
);
const nodeNames = new Set(
  'process Buffer require module __dirname __filename setImmediate global'.split(' '),
);
/** Also reached through globalThis. */
const clocksAndChance: Readonly<Record<string, readonly string[]>> = {
  Math: ['random'],
  Date: ['now'],
  performance: ['now', 'timeOrigin'],
  crypto: ['getRandomValues', 'randomUUID'],
};

function lineOf(source: string, offset: number): number {
  let line = 1;
  for (let at = source.indexOf('\n'); at !== -1 && at < offset; at = source.indexOf('\n', at + 1)) line++;
  return line;
}

/** `react-dom/client` -> `react-dom`, `@mantine/core/x` -> `@mantine/core`. */
function packageName(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function folderOf(file: string): string {
  return file.split('/')[0] ?? '';
}

function checkImport(file: string, { target, typeOnly }: Import): { what: string; rule: string } | null {
  const from = folderOf(file);
  const layer = layers[from];
  if (!target.startsWith('.')) {
    if (layer === undefined || target.startsWith('data:')) return null;
    const what = layer.refusesPackage(packageName(target), file);
    return what === null ? null : { what, rule: layer.rule };
  }
  const resolved = posix.normalize(posix.join(posix.dirname(file), target));
  const to = folderOf(resolved);
  if (to === from) return null;
  if ((to === 'electron' || to === 'renderer') && !mayImportShells.includes(from)) {
    return { what: `imports ${resolved}`, rule: 'nobody imports electron or renderer' };
  }
  if (layer === undefined || !(to in layers || free.includes(to))) return null;
  if (free.includes(to)) {
    return { what: `imports ${resolved}`, rule: 'nothing that ships imports test, bench or build' };
  }
  if (layer.ours.includes(to)) return null;
  if (from === 'renderer' && to === 'lab') {
    if (/^lab\/pack\.ts$/.test(resolved)) return null;
    if (/^lab\/api\.ts$/.test(resolved)) {
      return typeOnly
        ? null
        : { what: `imports values of ${resolved}, wanted \`import type\``, rule: layer.rule };
    }
  }
  return { what: `imports ${resolved}`, rule: layer.rule };
}

/** Everything this file imports, with the place it does so. */
function importsOf(source: string, parsed: ReturnType<typeof parseSync>): (Import & { offset: number })[] {
  const found: (Import & { offset: number })[] = [];
  for (const node of parsed.program.body) {
    if (node.type === 'ImportDeclaration') {
      const names = node.specifiers;
      const typeOnly =
        node.importKind === 'type' ||
        (names.length > 0 &&
          names.every((name) => name.type === 'ImportSpecifier' && name.importKind === 'type'));
      found.push({ target: node.source.value, typeOnly, offset: node.start });
    } else if (node.type === 'ExportAllDeclaration') {
      found.push({ target: node.source.value, typeOnly: node.exportKind === 'type', offset: node.start });
    } else if (node.type === 'ExportNamedDeclaration' && node.source) {
      const typeOnly =
        node.exportKind === 'type' ||
        (node.specifiers.length > 0 && node.specifiers.every((name) => name.exportKind === 'type'));
      found.push({ target: node.source.value, typeOnly, offset: node.start });
    }
  }
  for (const { start, moduleRequest } of parsed.module.dynamicImports) {
    const literal = /^(['"`])([^$]*)\1$/.exec(source.slice(moduleRequest.start, moduleRequest.end));
    if (literal?.[2]) found.push({ target: literal[2], typeOnly: false, offset: start });
  }
  new Visitor({
    // `type Port = import('node:worker_threads').MessagePort` and `new URL('./worker.ts', import.meta.url)`
    TSImportType(node) {
      const source = node.source;
      if (source.type === 'Literal' && typeof source.value === 'string') {
        found.push({ target: source.value, typeOnly: true, offset: node.start });
      }
    },
    NewExpression(node) {
      const [first] = node.arguments;
      if (node.callee.type !== 'Identifier' || node.callee.name !== 'URL') return;
      if (first?.type !== 'Literal' || typeof first.value !== 'string' || !first.value.endsWith('.ts'))
        return;
      found.push({ target: first.value, typeOnly: false, offset: node.start });
    },
  }).visit(parsed.program);
  return found;
}

/** Names this file gives to something of its own, in whatever scope: they are not the browser's or Node's. */
function ownNames(program: ESTree.Program): Set<string> {
  const names = new Set<string>();
  const bind = (pattern: ESTree.BindingPattern | ESTree.ParamPattern | null): void => {
    if (pattern === null) return;
    if (pattern.type === 'Identifier') names.add(pattern.name);
    else if (pattern.type === 'ObjectPattern') {
      for (const property of pattern.properties) {
        bind(property.type === 'RestElement' ? property.argument : property.value);
      }
    } else if (pattern.type === 'ArrayPattern') {
      for (const element of pattern.elements)
        bind(element?.type === 'RestElement' ? element.argument : element);
    } else if (pattern.type === 'AssignmentPattern') bind(pattern.left);
    else if (pattern.type === 'RestElement') bind(pattern.argument);
  };
  const bindFunction = (node: ESTree.Function | ESTree.ArrowFunctionExpression): void => {
    if ('id' in node && node.id) names.add(node.id.name);
    for (const parameter of node.params) bind(parameter);
  };
  new Visitor({
    VariableDeclarator: (node) => bind(node.id),
    FunctionDeclaration: bindFunction,
    FunctionExpression: bindFunction,
    ArrowFunctionExpression: bindFunction,
    CatchClause: (node) => bind(node.param),
    ClassDeclaration: (node) => {
      if (node.id) names.add(node.id.name);
    },
    ImportSpecifier: (node) => void names.add(node.local.name),
    ImportDefaultSpecifier: (node) => void names.add(node.local.name),
    ImportNamespaceSpecifier: (node) => void names.add(node.local.name),
    TSTypeAliasDeclaration: (node) => void names.add(node.id.name),
    TSInterfaceDeclaration: (node) => void names.add(node.id.name),
    TSTypeParameter: (node) => void names.add(node.name.name),
  }).visit(program);
  return names;
}

function checkGlobals(
  file: string,
  layer: Layer,
  program: ESTree.Program,
): { what: string; offset: number }[] {
  const found: { what: string; offset: number }[] = [];
  const own = ownNames(program);
  const allowed = nodeFiles.includes(file);
  /** Identifiers that name a member or a key, not a variable. */
  const notVariables = new Set<number>();
  new Visitor({
    MemberExpression(node) {
      if (!node.computed) notVariables.add(node.property.start);
    },
    Property(node) {
      if (!node.computed && !node.shorthand) notVariables.add(node.key.start);
    },
    PropertyDefinition(node) {
      if (!node.computed) notVariables.add(node.key.start);
    },
    MethodDefinition(node) {
      if (!node.computed) notVariables.add(node.key.start);
    },
    TSPropertySignature(node) {
      notVariables.add(node.key.start);
    },
    TSMethodSignature(node) {
      notVariables.add(node.key.start);
    },
    LabeledStatement(node) {
      notVariables.add(node.label.start);
    },
    ImportSpecifier(node) {
      notVariables.add(node.imported.start);
    },
  }).visit(program);

  const memberName = (node: ESTree.MemberExpression): string | null => {
    if (!node.computed) return node.property.type === 'Identifier' ? node.property.name : null;
    return node.property.type === 'Literal' && typeof node.property.value === 'string'
      ? node.property.value
      : null;
  };
  /** `Math` in `Math.random`, `globalThis.Math.random` and `globalThis['Math']`. */
  const globalName = (node: ESTree.Expression | ESTree.Super): string | null => {
    if (node.type === 'Identifier') return own.has(node.name) ? null : node.name;
    if (node.type === 'MemberExpression' && globalName(node.object) === 'globalThis') return memberName(node);
    return null;
  };
  new Visitor({
    MemberExpression(node) {
      const owner = globalName(node.object);
      const member = memberName(node);
      if (owner === null || member === null) return;
      if (layer.repeatable && !allowed && clocksAndChance[owner]?.includes(member)) {
        found.push({ what: `uses ${owner}.${member}`, offset: node.start });
      }
      if (owner !== 'globalThis' || allowed) return;
      if (layer.noDom && domNames.has(member)) found.push({ what: `uses ${member}`, offset: node.start });
      if (layer.noNodeGlobals && nodeNames.has(member)) {
        found.push({ what: `uses ${member}`, offset: node.start });
      }
    },
    NewExpression(node) {
      if (!layer.repeatable || allowed || node.arguments.length > 0) return;
      if (globalName(node.callee) === 'Date') found.push({ what: 'uses new Date()', offset: node.start });
    },
    // `const { random } = Math` takes it out by another door.
    VariableDeclarator(node) {
      if (!layer.repeatable || allowed || node.id.type !== 'ObjectPattern' || !node.init) return;
      const taken = clocksAndChance[globalName(node.init) ?? ''];
      for (const property of node.id.properties) {
        if (property.type !== 'Property' || property.key.type !== 'Identifier') continue;
        if (taken?.includes(property.key.name)) {
          found.push({
            what: `takes ${property.key.name} out of ${globalName(node.init)}`,
            offset: node.start,
          });
        }
      }
    },
    Identifier(node) {
      if (allowed || notVariables.has(node.start) || own.has(node.name)) return;
      if (layer.noDom && domNames.has(node.name)) {
        found.push({ what: `uses ${node.name} of the browser`, offset: node.start });
      }
      if (layer.noNodeGlobals && nodeNames.has(node.name)) {
        found.push({ what: `uses ${node.name} of Node`, offset: node.start });
      }
    },
  }).visit(program);
  return found;
}

/** @throws SyntaxError when the file cannot be parsed. */
export function checkFile(file: string, source: string): Breach[] {
  const parsed = parseSync(file, source);
  const [problem] = parsed.errors;
  if (problem) throw new SyntaxError(`${file}: ${problem.message}`);
  const breaches: Breach[] = [];
  for (const found of importsOf(source, parsed)) {
    const breach = checkImport(file, found);
    if (breach) breaches.push({ file, line: lineOf(source, found.offset), ...breach });
  }
  const layer = layers[folderOf(file)];
  if (layer && (layer.repeatable || layer.noDom || layer.noNodeGlobals)) {
    for (const { what, offset } of checkGlobals(file, layer, parsed.program)) {
      const isClock = !/ of (Node|the browser)$/.test(what) && layer.repeatable;
      const rule = isClock
        ? `same seed, same numbers: ${folderOf(file)} uses the run's seeded generator and no clock`
        : layer.rule;
      breaches.push({ file, line: lineOf(source, offset), what, rule });
    }
  }
  return breaches.sort((a, b) => a.line - b.line);
}

/** Checks every TypeScript file of every layer under `root`. */
export function checkLayers(root: string): { files: number; breaches: Breach[] } {
  const files = [...Object.keys(layers), ...free]
    .flatMap((folder) => filesUnder(root, folder))
    .filter((file) => /\.(ts|tsx|mts)$/.test(file));
  return {
    files: files.length,
    breaches: files.flatMap((file) => checkFile(file, readFileSync(join(root, file), 'utf8'))),
  };
}

export function describeBreach({ file, line, what, rule }: Breach): string {
  return `${file}:${line}: ${what}\n    rule: ${rule}`;
}

if (import.meta.main) {
  const { files, breaches } = checkLayers(join(import.meta.dirname, '..'));
  for (const breach of breaches) process.stdout.write(`${describeBreach(breach)}\n`);
  process.stdout.write(`${files} files, ${breaches.length} breaches\n`);
  if (breaches.length > 0) process.exitCode = 1;
}
