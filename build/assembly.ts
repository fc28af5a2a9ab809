/** AssemblyScript to WebAssembly, and the modules of ours that hold it. */

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './renderer.ts';

/** Of the text that is compiled, so that a stale module is found without compiling. */
export const fingerprintOf = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 32);

/** Writes the module; with `--check` only says where it is not what its source compiles to. `maker`: the file in build/ that makes it. */
export function writeModule(target: string, text: string, maker: string, bytes: string): void {
  if (!process.argv.includes('--check')) {
    writeFileSync(join(root, target), text);
    console.log(`${target}: ${bytes} of WebAssembly`);
  } else if (readFileSync(join(root, target), 'utf8') !== text) {
    process.stderr.write(`${target} is not what its source compiles to: run node build/${maker}\n`);
    process.exitCode = 1;
  }
}

/** @param options those of the compiler, beside what all of ours have in common. @throws Error with what the compiler said. */
export async function assemble(text: string, options: readonly string[]): Promise<Uint8Array> {
  const { default: asc } = await import('assemblyscript/asc');
  const files = new Map<string, Uint8Array>();
  const { error, stderr } = await asc.main(
    [
      ...['source.ts', '--outFile', 'out.wasm', '--noAssert', '--runtime', 'stub', '--importMemory'],
      ...['--use', 'abort=', ...options],
    ],
    {
      readFile: (name: string) => (name === 'source.ts' ? text : null),
      writeFile: (name: string, contents: Uint8Array | string) => {
        if (typeof contents !== 'string') files.set(name, contents);
      },
      listFiles: () => [],
    },
  );
  const bytes = files.get('out.wasm');
  if (error || !bytes) throw new Error(`AssemblyScript: ${error?.message}\n${stderr.toString()}`);
  return bytes;
}
