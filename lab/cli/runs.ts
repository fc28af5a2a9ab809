/** Runs on the command line: following them to their end, and saying what they came to. */

import type { Run } from '../api.ts';
import type { EvaluationSummary, Lab } from '../lab.ts';
import { duration, note, Progress, percent, print, printJson, table } from './output.ts';

/** Follows runs on stderr until all have ended. */
async function follow(lab: Lab, labels: ReadonlyMap<number, string>): Promise<Run[]> {
  const progress = new Progress(labels);
  let going = true;
  let cursor = 0;
  const watching = (async () => {
    while (going) {
      const news = await lab.events.since(cursor, 1000);
      cursor = news.cursor;
      for (const event of news.events) {
        if (event.type === 'run' && event.run.status === 'running') progress.show(event.run);
      }
    }
  })();
  const ended = await Promise.all([...labels.keys()].map((id) => lab.finished(id)));
  going = false;
  lab.events.close();
  await watching;
  progress.stop();
  for (const run of ended) for (const alert of run.alerts) note(`run ${run.id}: ${alert.message}`);
  return ended;
}

/** A stopped or failed run decides the exit code. */
function exitCodeOf(run: Run): number {
  if (run.status === 'done') return 0;
  if (run.status === 'paused') {
    note(`Run ${run.id} is saved; go on with: lab resume ${run.id}`);
    return 130;
  }
  note(`Run ${run.id} ${run.status}: ${run.error ?? 'no reason known'}`);
  return 1;
}

/** What a run has come to, as the JSON that the verbs print; less where it has not ended. */
function resultOf(lab: Lab, run: Run): Record<string, unknown> {
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
    ({ status }) => status === 'paused' || status === 'crashed' || status === 'failed',
  );
  if (open.length > 0) print(`go on with: lab resume <run> (${open.map((run) => run.id).join(', ')})`);
}
