/** `claim` and `claims`: do our tasks show what the papers say, and over which seeds? */

import { claims } from '../claims/index.ts';
import { type RunClaimsOptions, runClaims } from '../claims/run.ts';
import type { ClaimReport, MethodReport } from '../claims/types.ts';
import { duration, note, print, printJson, table } from './output.ts';
import { figure } from './runs.ts';

export interface ClaimFlags {
  readonly task?: string;
  readonly seeds?: number;
  readonly seedOffset: number;
  readonly only?: string;
  readonly threads?: number;
}

/** Ctrl-C stops; nothing was stored, so nothing is kept. */
function interruptible(): { readonly signal: AbortSignal; done(): void } {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  process.once('SIGINT', abort);
  process.once('SIGTERM', abort);
  return {
    signal: stop.signal,
    done() {
      process.off('SIGINT', abort);
      process.off('SIGTERM', abort);
    },
  };
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
export async function showClaim(method: string, flags: ClaimFlags, json: boolean): Promise<number> {
  const stop = interruptible();
  try {
    const report = await runClaims(method, optionsOf(flags, method, stop.signal));
    if (json) printJson(report);
    else printMethod(report);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return stopped();
    throw error;
  } finally {
    stop.done();
  }
}

/** Every method's claims, one line each as they end; with `json` one object at the end. */
export async function showClaims(flags: ClaimFlags, json: boolean): Promise<number> {
  const stop = interruptible();
  const reports: MethodReport[] = [];
  try {
    for (const method of Object.keys(claims)) {
      const report = await runClaims(method, optionsOf(flags, method, stop.signal));
      reports.push(report);
      if (!json) for (const claim of report.claims) print(lineOf(method, claim));
    }
    if (json) printJson({ methods: reports });
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return stopped();
    throw error;
  } finally {
    stop.done();
  }
}

function stopped(): number {
  note('stopped; a claim keeps nothing, so it starts again from the beginning');
  return 130;
}

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
