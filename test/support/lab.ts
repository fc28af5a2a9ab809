/** The command line, with what it prints. */

import { main } from '../../lab/cli.ts';

/** In this process, which takes milliseconds where a new one takes a second. */
export async function lab(...args: string[]) {
  const out = { stdout: '', stderr: '' };
  const streams = ['stdout', 'stderr'] as const;
  const own = streams.map((name) => process[name].write);
  for (const name of streams) {
    process[name].write = (text: string | Uint8Array) => {
      out[name] += String(text);
      return true;
    };
  }
  try {
    return { status: await main(args), ...out };
  } finally {
    for (const [k, name] of streams.entries()) process[name].write = own[k]!;
  }
}
