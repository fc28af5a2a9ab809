/** AssemblyScript to WebAssembly. */

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
