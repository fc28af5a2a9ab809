/** Runs claims: seeds side by side, one thread each, and the verdict over them. */

import { availableParallelism } from 'node:os';
import { defaultsOf } from '../../sim/fields.ts';
import { UsageError } from '../errors.ts';
import { nearest } from '../fields.ts';
import { inThread } from '../in-thread.ts';
import { taskNamed } from '../registry.ts';
import { claims } from './index.ts';
import type { Claim, ClaimReport, MethodReport } from './types.ts';
import { armReports, judge, together } from './verdict.ts';
import type { ClaimJob, ClaimMessage } from './worker.ts';

export interface RunClaimsOptions {
  /** Another task than the claim's own. */
  readonly task?: string;
  /** Repetitions; each claim's own number by default. */
  readonly seeds?: number;
  /** The first seed. Reported tables start at 0; whoever tunes takes 1000 and more. */
  readonly seedOffset?: number;
  /** One claim of the method alone. */
  readonly only?: string;
  /** Repetitions at the same time; as many as there are cores by default. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** Called when a repetition gets on or ends. */
  readonly onProgress?: (claim: string, seed: number, part: string) => void;
  /** For tests: another registry of claims, as a module to import. */
  readonly registry?: {
    readonly claims: Readonly<Record<string, readonly Claim[]>>;
    readonly module: string;
  };
}

const ownRegistry = { claims, module: new URL('./index.ts', import.meta.url).href };

const protocol =
  'seeds are repetitions of the whole experiment (other episodes, other first weights); differences are paired by seed; ' +
  'intervals are 95 % percentile bootstraps of the mean over seeds (10,000 draws), too narrow with few seeds; ' +
  'holds = interval wholly on the claimed side, fails = wholly on the other, not measurable = both';

/** All claims of one method. @throws UsageError on an unknown method, claim or task. */
export async function runClaims(method: string, options: RunClaimsOptions = {}): Promise<MethodReport> {
  const { registry = ownRegistry, task, seeds, seedOffset = 0, only } = options;
  const known = registry.claims[method];
  if (known === undefined) {
    throw new UsageError([
      `claim: found "${method}", wanted one of ${Object.keys(registry.claims).join(', ')}${nearest(method, Object.keys(registry.claims))}`,
    ]);
  }
  const chosen = only === undefined ? known : known.filter(({ id }) => id === only);
  if (chosen.length === 0) {
    throw new UsageError([
      `claim ${method}: found "${only}", wanted one of ${known.map(({ id }) => id).join(', ')}`,
    ]);
  }
  if (task !== undefined && taskNamed(task) === undefined)
    throw new UsageError([`claim: unknown task "${task}"`]);
  const reports: ClaimReport[] = [];
  for (const claim of chosen) reports.push(await runClaim(method, claim, options));
  const flags = [
    ...(only === undefined ? [] : [`--only ${only}`]),
    ...(task === undefined ? [] : [`--task ${task}`]),
    ...(seeds === undefined ? [] : [`--seeds ${seeds}`]),
    ...(seedOffset === 0 ? [] : [`--seed-offset ${seedOffset}`]),
  ];
  return {
    method,
    claims: reports,
    verdict: together(reports.map(({ verdict }) => verdict)),
    protocol,
    command: ['npm run -s lab -- claim', method, ...flags, '--json'].join(' '),
  };
}

async function runClaim(method: string, claim: Claim, options: RunClaimsOptions): Promise<ClaimReport> {
  const { seedOffset = 0, threads = availableParallelism() } = options;
  const task = options.task ?? claim.task;
  const count = options.seeds ?? claim.seeds;
  const seeds = Array.from({ length: count }, (_, i) => seedOffset + i);
  const begun = performance.now();
  const head = {
    id: claim.id,
    statement: claim.statement,
    task,
    metric: claim.metric,
    baseline: claim.baseline,
  };
  const known = taskNamed(task)!;
  const reason = claim.unsuitable?.(known.create(defaultsOf(known.fields)));
  if (reason !== undefined) {
    return {
      ...head,
      seeds: [],
      arms: armReports(claim, []),
      expectations: [],
      verdict: 'not measurable',
      reason: `${task}: ${reason}`,
      seconds: 0,
    };
  }
  const values: Readonly<Record<string, number>>[] = new Array(count);
  let next = 0;
  // What breaks in one seed ends the others, too: without it there is no verdict.
  const broken = new AbortController();
  const signal =
    options.signal === undefined ? broken.signal : AbortSignal.any([options.signal, broken.signal]);
  const lane = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++)
      values[i] = await repetition(method, claim, task, seeds[i]!, { ...options, signal });
  };
  const lanes = Array.from({ length: Math.min(threads, count) }, lane);
  try {
    await Promise.all(lanes);
  } catch (error) {
    broken.abort();
    await Promise.allSettled(lanes);
    throw error;
  }
  const expectations = claim.expects.map((expectation) => judge(expectation, values));
  return {
    ...head,
    seeds,
    arms: armReports(claim, values),
    expectations,
    verdict: together(expectations.map(({ verdict }) => verdict)),
    seconds: (performance.now() - begun) / 1000,
  };
}

/** One seed in a thread of its own. Rejects with what went wrong there, or an AbortError. */
async function repetition(
  method: string,
  claim: Claim,
  task: string,
  seed: number,
  { registry = ownRegistry, signal, onProgress }: RunClaimsOptions,
): Promise<Readonly<Record<string, number>>> {
  const job: ClaimJob = { registry: registry.module, method, claim: claim.id, task, seed };
  const values = await inThread<Readonly<Record<string, number>>, ClaimMessage>({
    file: new URL('./worker.ts', import.meta.url),
    data: job,
    name: `claim ${method}/${claim.id}, seed ${seed}`,
    signal,
    onMessage: ({ part }) => onProgress?.(claim.id, seed, part),
  });
  onProgress?.(claim.id, seed, 'done');
  return values;
}
