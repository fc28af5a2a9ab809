/** The documentation that comes with the lab. */

import { oc } from '@orpc/contract';
import { z } from 'zod';

const page = z.object({ path: z.string(), title: z.string() });

export const docsContract = {
  pages: oc.output(z.array(page)),
  page: oc.input(z.object({ path: z.string().max(200) })).output(page.extend({ markdown: z.string() })),
  /** What metrics mean, by name; `<term>` in a name stands for anything. */
  metrics: oc.output(z.array(z.object({ name: z.string(), help: z.string(), page: z.string() }))),
};
