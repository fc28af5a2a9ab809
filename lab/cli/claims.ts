/** `claim` and `claims`: do our tasks show what the papers say, and over which seeds? */

import { claims } from '../claims/index.ts';
import { type RunClaimsOptions, runClaims } from '../claims/run.ts';
import type { ClaimReport, MethodReport } from '../claims/types.ts';
import { stoppable } from './options.ts';
import { duration, note, print, printJson, table } from './output.ts';
import { figure } from './runs.ts';

export interface ClaimFlags {
  readonly task?: string;
  readonly seeds?: number;
  readonly seedOffset: number;
  readonly only?: string;
  /** Of every verb: here repetitions at the same time. */
  readonly threads?: number;
}

function optionsOf(flags: ClaimFlags, method: string, signal: AbortSignal): RunClaimsOptions {
  const { task, seeds, seedOffset, only, threads } = flags;
  return {
    seedOffset,
    ...(task === undefined ? {} : { task }),
    ...(seeds === undefined ? {} : { seeds }),
    ...(only === undefined ? {} : { only }),
    ...(threads === undefined ? {} : { threads }),
    signal,
    onProgress: (claim, seed, part) => note(`${method}/${claim} seed ${seed}: ${part}`),
  };
}

/** Exit code: 130 when stopped. A claim that fails is a result, not an error. */
export const showClaim = (method: string, flags: ClaimFlags, json: boolean): Promise<number> =>
  stoppable('a claim', json, async (signal) => {
    const report = await runClaims(method, optionsOf(flags, method, signal));
    if (json) printJson(report);
    else printMethod(report);
  });

/** Every method's claims, one line each as they end; with `json` one object at the end. */
export const showClaims = (flags: ClaimFlags, json: boolean): Promise<number> =>
  stoppable('a claim', json, async (signal) => {
    const reports: MethodReport[] = [];
    for (const method of Object.keys(claims)) {
      const report = await runClaims(method, optionsOf(flags, method, signal));
      reports.push(report);
      if (!json) for (const claim of report.claims) print(lineOf(method, claim));
    }
    if (json) printJson({ methods: reports });
  });

const lineOf = (method: string, { id, verdict, task, seeds, statement, seconds }: ClaimReport): string =>
  `${verdict.padEnd(14)}  ${`${method}/${id}`.padEnd(34)}  ${task}, ${seeds.length} seeds, ${duration(seconds)}: ${statement}`;

function printMethod({ method, claims: found, protocol, command }: MethodReport): void {
  for (const claim of found) {
    print(lineOf(method, claim));
    print(`  ${claim.metric}; baseline: ${claim.baseline}`);
    if (claim.reason !== undefined) print(`  ${claim.reason}`);
    const rows = Object.entries(claim.arms).map(([arm, { title, values, mean, deviation }]) => ({
      arm,
      mean: figure(mean),
      deviation: figure(deviation),
      seeds: values.map((value) => figure(value)).join(' '),
      what: title,
    }));
    print(
      table(rows)
        .split('\n')
        .map((line) => `  ${line}`)
        .join('\n'),
    );
    for (const { text, verdict } of claim.expectations) print(`  ${verdict}: ${text}`);
    print();
  }
  print(`Protocol: ${protocol}.`);
  print(`Again: ${command}`);
}
