/** The command line, with what it prints. */

import { main } from '../../lab/cli.ts';

/** In this process, which takes milliseconds where a new one takes a second. */
export async function lab(...args: string[]) {
  const out = { stdout: '', stderr: '' };
  const streams = ['stdout', 'stderr'] as const;
  const own = streams.map((name) => process[name].write);
  for (const [k, name] of streams.entries()) {
    process[name].write = ((text: string | Uint8Array, ...more: never[]) => {
      // The command line prints text; bytes are the test runner's reports of other tests, which must not get lost.
      if (typeof text !== 'string') return own[k]!.call(process[name], text, ...more);
      out[name] += text;
      return true;
    }) as typeof process.stdout.write;
  }
  try {
    return { status: await main(args), ...out };
  } finally {
    for (const [k, name] of streams.entries()) process[name].write = own[k]!;
  }
}
