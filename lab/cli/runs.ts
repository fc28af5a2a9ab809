/** Runs on the command line: following them to their end, and saying what they came to. */

import type { Run } from '../api.ts';
import { type SeedsSummary, summarize } from '../compare.ts';
import { UsageError } from '../errors.ts';
import { findGroup, groupOf, trialOf } from '../groups.ts';
import type { EvaluationSummary, Lab, StartedGroup } from '../lab.ts';
import { duration, note, Progress, percent, print, printJson, table } from './output.ts';

/** Follows runs on stderr until all have ended; their alerts are told, those before `alertsSince` not again. */
export async function follow(lab: Lab, labels: ReadonlyMap<number, string>, alertsSince = 0): Promise<Run[]> {
  const progress = new Progress(labels);
  const devices = new Set<string>();
  let going = true;
  let cursor = 0;
  const watching = (async () => {
    while (going) {
      const news = await lab.events.since(cursor, 1000);
      cursor = news.cursor;
      for (const event of news.events) {
        if (event.type !== 'run' || event.run.status !== 'running') continue;
        progress.show(event.run);
        const { id, device, deviceReason } = event.run;
        // The seeds of one experiment compute alike: each device is explained once.
        if (!labels.has(id) || device === null || deviceReason === null || devices.has(device)) continue;
        devices.add(device);
        note(`${labels.get(id)}device: ${device} - ${deviceReason}`);
      }
    }
  })();
  const ended = await Promise.all([...labels.keys()].map((id) => lab.finished(id)));
  going = false;
  lab.events.close();
  await watching;
  progress.stop();
  for (const run of ended) {
    for (const { at, message } of run.alerts) if (at >= alertsSince) note(`run ${run.id}: ${message}`);
  }
  return ended;
}

/** A stopped or failed run decides the exit code. */
export function exitCodeOf(run: Run): number {
  if (run.status === 'done') return 0;
  if (run.status === 'paused') {
    note(`Run ${run.id} is saved; go on with: lab resume ${run.id}`);
    return 130;
  }
  note(`Run ${run.id} ${run.status}: ${run.error ?? 'no reason known'}`);
  return 1;
}

/** What a run has come to, as the JSON that the verbs print; less where it has not ended. */
export function resultOf(lab: Lab, run: Run): Record<string, unknown> {
  const plain = {
    run: run.id,
    name: run.name,
    task: run.task,
    status: run.status,
    ...(run.error === null ? {} : { error: run.error }),
    seed: run.seed,
    device: run.device,
    rewardHash: run.rewardHash,
  };
  switch (run.kind) {
    case 'collect':
      return { ...plain, ...lab.collected(run.id) };
    case 'fit': {
      const model = lab.modelOf(run.id);
      if (model === undefined) return plain;
      return { ...plain, model: model.id, method: model.method, hash: model.hash, metrics: model.metrics };
    }
    case 'evaluate': {
      const { evaluatedRun, checkpoint } = lab.store.runs.get(run.id).config;
      return { ...plain, ...run.evaluation, evaluatedRun, checkpoint };
    }
    case 'train': {
      const newest = lab.store.checkpoints.list(run.id).at(-1);
      const model = [...lab.modelsOf(run.id).values()].at(-1);
      return {
        ...plain,
        ...run.evaluation,
        steps: newest?.step ?? 0,
        checkpoint: newest?.id ?? null,
        ...(model === undefined
          ? {}
          : {
              rewardModel: { id: model.id, method: model.method, hash: model.hash, metrics: model.metrics },
            }),
      };
    }
  }
}

function printResult(lab: Lab, run: Run): void {
  const line = (e: EvaluationSummary): void =>
    print(
      `run ${run.id} (${run.name}): success ${percent(e.success)} (95 % interval ${percent(e.interval.low)} .. ${percent(e.interval.high)}, ${e.episodes} episodes)`,
    );
  if (run.kind === 'fit') {
    const model = lab.modelOf(run.id);
    if (model === undefined) return;
    print(`model ${model.id} (${model.method}, ${model.hash})`);
    for (const [name, value] of Object.entries(model.metrics)) print(`  ${name}: ${value.toFixed(4)}`);
  } else if (run.kind === 'collect') line(lab.collected(run.id));
  else if (run.evaluation !== null) line(run.evaluation);
}

/** Follows a run, and its baseline where one goes beside it, and prints what they came to. Returns the exit code. */
export async function showRun(lab: Lab, id: number, baseline: number | null, json: boolean): Promise<number> {
  const started = performance.now();
  const labels = new Map([[id, baseline === null ? '' : `run ${id}: `]]);
  if (baseline !== null) labels.set(baseline, `run ${baseline} (sparse baseline): `);
  const [run, second] = await follow(lab, labels);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  if (json) {
    printJson({
      ...resultOf(lab, run!),
      seconds,
      ...(second === undefined ? {} : { baseline: resultOf(lab, second) }),
    });
  } else {
    printResult(lab, run!);
    if (second !== undefined) printResult(lab, second);
    if (run!.status === 'done') print(`${duration(seconds)}; look at it with: npm start`);
  }
  return Math.max(exitCodeOf(run!), second === undefined ? 0 : exitCodeOf(second));
}

/** A number as wide as its neighbours; a dash where there is none. */
export const figure = (value: number | null): string =>
  value === null || Number.isNaN(value) ? '-' : Number(value.toPrecision(4)).toString();

/** What the seeds of one experiment have come to together. */
function printSeeds(name: string, summary: SeedsSummary): void {
  const { success, interval, episodes, seeds } = summary;
  print(
    `${name}: success ${percent(success)} (95 % interval ${percent(interval.low)} .. ${percent(interval.high)} over ${episodes} episodes of ${seeds} seed${seeds === 1 ? '' : 's'})`,
  );
  const rows = Object.entries(summary.overSeeds).map(([metric, over]) => ({
    'over seeds': metric,
    mean: figure(over.mean),
    deviation: figure(over.deviation),
    IQM: figure(over.iqm),
    lowest: figure(over.lowest),
    highest: figure(over.highest),
  }));
  print(table(rows));
}

/** Follows every run of a group, and of the baselines beside it, and prints each and all together. Returns the exit code. */
export async function showGroup(lab: Lab, started: StartedGroup, json: boolean): Promise<number> {
  const begun = performance.now();
  const parts = [started, ...(started.baseline === null ? [] : [started.baseline])];
  const labels = new Map(
    parts.flatMap(({ group, runs }) =>
      runs.map((id): [number, string] => [id, `${group.id} seed ${lab.run(id).seed}: `]),
    ),
  );
  const ended = new Map((await follow(lab, labels)).map((run) => [run.id, run]));
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  const results = parts.map(({ group, runs }) => {
    const of = runs.map((id) => ended.get(id)!);
    const { task, algorithm } = of[0]!;
    return { group: group.id, name: group.name, task, algorithm, of, summary: summarize(lab.store, runs) };
  });
  if (json) {
    const [own, baseline] = results.map(({ of, summary, ...plain }) => ({
      ...plain,
      status: statusOf(of),
      ...summary,
      seeds: of.map((run) => run.seed),
      runs: of.map((run) => resultOf(lab, run)),
    }));
    printJson({ ...own, seconds, ...(baseline === undefined ? {} : { baseline }) });
  } else {
    for (const { group, name, of, summary } of results) {
      const rows = of.map((run) => {
        const [score] = run.evaluation === null ? [] : [summarize(lab.store, [run.id])];
        return {
          group,
          run: run.id,
          seed: run.seed,
          status: run.status,
          success: run.evaluation === null ? '-' : percent(run.evaluation.success),
          'mean return': figure(score?.overSeeds.return.mean ?? null),
          'true progress': figure(score?.overSeeds.progress.mean ?? null),
        };
      });
      print(table(rows));
      if (summary.seeds > 0) printSeeds(`${group} (${name})`, summary);
    }
    const all = results.map(({ group }) => group).join(' ');
    if (results.length > 1) print(`${duration(seconds)}; put them side by side with: lab compare ${all}`);
    else print(`${duration(seconds)}; compare it with another: lab compare ${all} <group>`);
  }
  let exitCode = 0;
  for (const { group, of } of results) {
    for (const run of of) {
      if (run.status === 'failed') note(`Run ${run.id} failed: ${run.error ?? 'no reason known'}`);
    }
    const status = statusOf(of);
    if (status === 'paused') note(`Group ${group} is saved; go on with: lab resume ${group}`);
    exitCode = Math.max(exitCode, status === 'paused' ? 130 : status === 'done' ? 0 : 1);
  }
  return exitCode;
}

/** Of several runs together: the one that wants most to be done about it. */
function statusOf(runs: readonly Run[]): Run['status'] {
  for (const status of ['paused', 'failed', 'crashed'] as const) {
    if (runs.some((run) => run.status === status)) return status;
  }
  return runs.every((run) => run.status === 'done') ? 'done' : 'running';
}

/** Goes on with the runs of a group that have not ended, and their baselines. @throws UsageError when all have. */
export async function resumeGroup(lab: Lab, id: string, json: boolean): Promise<number> {
  const { runs, name } = findGroup(lab.store, id);
  const ids = runs.map((run) => run.id);
  const baselines = ids.flatMap((run) => lab.baselineOf(run) ?? []);
  const open = [...ids, ...baselines].filter((run) => lab.find(run).status !== 'done');
  if (open.length === 0) throw new UsageError([`group ${id} is done; there is nothing left to resume`]);
  for (const run of open) lab.resume(run);
  const beside = baselines.length === 0 ? undefined : groupOf(lab.find(baselines[0]!));
  return showGroup(
    lab,
    {
      group: { id, name },
      runs: ids,
      baseline: beside === undefined ? null : { group: beside, runs: baselines },
    },
    json,
  );
}

/** Goes on with every training run and evaluation that was stopped or killed; trials go on with their search. */
export async function resumeAll(lab: Lab, json: boolean): Promise<number> {
  const open = lab.store.runs
    .list()
    .filter(
      ({ kind, status }) => kind !== 'collect' && kind !== 'fit' && ['paused', 'crashed'].includes(status),
    );
  const searches = [...new Set(open.filter(trialOf).map((row) => groupOf(row)!.id))];
  const ids = open.filter((row) => trialOf(row) === undefined).map((row) => row.id);
  for (const search of searches) note(`Search ${search} is not at its end; go on with: lab resume ${search}`);
  if (ids.length === 0) throw new UsageError(['resume --all: no run of this project is paused or crashed']);
  for (const id of ids) lab.resume(id);
  const ended = await follow(lab, new Map(ids.map((id) => [id, `run ${id}: `])));
  if (json) printJson({ status: statusOf(ended), runs: ended.map((run) => resultOf(lab, run)) });
  else for (const run of ended) printResult(lab, run);
  return Math.max(...ended.map(exitCodeOf));
}

/** Every run; with the newest checkpoint, which `collect --policy` takes. */
export function listRuns(lab: Lab, json: boolean): void {
  const runs = lab.runs().map((run) => {
    const newest = lab.store.checkpoints.list(run.id).at(-1);
    return { ...run, checkpoint: newest === undefined ? null : { id: newest.id, step: newest.step } };
  });
  if (json) return printJson({ runs });
  if (runs.length === 0) return print('No runs yet.');
  print(
    table(
      runs.map((run) => ({
        id: run.id,
        group: run.group?.id ?? '',
        kind: run.kind,
        name: run.name,
        seed: run.seed,
        status: run.status,
        episodes: run.episodes,
        success: run.evaluation === null ? '' : percent(run.evaluation.success),
        checkpoint: run.checkpoint?.id ?? '',
        started: new Date(run.createdAt).toISOString().slice(0, 16).replace('T', ' '),
      })),
    ),
  );
  for (const run of runs) if (run.error !== null) print(`run ${run.id} failed: ${run.error}`);
  const open = runs.filter(
    // A trial that failed is out of its search.
    ({ status, group }) =>
      status === 'paused' ||
      status === 'crashed' ||
      (status === 'failed' && group?.id.startsWith('s') !== true),
  );
  // What began together goes on together.
  const resumable = [...new Set(open.map((run) => run.group?.id ?? String(run.id)))];
  if (resumable.length > 0) print(`go on with: lab resume <run or group> (${resumable.join(', ')})`);
}
