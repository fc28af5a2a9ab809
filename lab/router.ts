/** The contract of `lab/api.ts`, answered by a `Lab`. The same router serves both transports. */

import { implement, ORPCError } from '@orpc/server';
import { episodeFields } from '../store/filter.ts';
import type { EpisodeMarks } from '../store/types.ts';
import {
  type Catalog,
  contract,
  type LabContract,
  type ModelCardInfo,
  type RewardEvaluationInfo,
} from './api.ts';
import { catalog } from './catalog.ts';
import { secondsOf } from './curves.ts';
import { docPage, docPages, metricHelp } from './docs.ts';
import { Drives } from './drive.ts';
import { episodeLineage } from './episode-lineage.ts';
import { UsageError } from './errors.ts';
import { checkRecipe, parseRecipe, recipeToYaml, resolveExperiment } from './experiment.ts';
import { forkChoices, forkTree, makeFork } from './forks.ts';
import { keptEvaluation, keptTasks } from './kept-evaluations.ts';
import type { Lab } from './lab.ts';
import { learnedProxies } from './learned-proxy.ts';
import { liveFrame, liveScene } from './live.ts';
import { modelCard } from './model-card.ts';
import { type PackedArray, pack } from './pack.ts';
import { probeDevice } from './probe.ts';
import { StateProbe } from './probe-state.ts';
import { rewardNamed } from './registry.ts';
import { groupCurves, truthBesideProxy } from './run-curves.ts';
import { filteredRuns } from './run-filter.ts';
import { comparison, pinnedSide, pinSide, runDetails } from './run-marks.ts';
import { removeRecipe, renameRecipe, restoreRecipe, savedRecipes, saveRecipe } from './saved-recipes.ts';
import { thumbnailsOf } from './thumbnails.ts';
import { version } from './versions.ts';

export type { LabContract };

/** What went wrong, in words a window can show: bad input is BAD_REQUEST, a thing that is not there NOT_FOUND. */
function toApiError(error: unknown): unknown {
  if (error instanceof UsageError) {
    return new ORPCError('BAD_REQUEST', { message: error.message, data: { problems: [...error.problems] } });
  }
  if (error instanceof RangeError) return new ORPCError('NOT_FOUND', { message: error.message });
  if (error instanceof ORPCError) return error;
  return new ORPCError('INTERNAL_SERVER_ERROR', {
    message: error instanceof Error ? error.message : String(error),
  });
}

export function createRouter(lab: Lab) {
  const os = implement(contract).use(async ({ next }) => {
    try {
      return await next();
    } catch (error) {
      throw toApiError(error);
    }
  });
  const probe = new StateProbe(lab);
  const drives = new Drives(lab);
  // The registries do not change while the lab runs; recipe files may, and are read again by `recipes` on the command line.
  let known: Catalog | undefined;
  const catalogOnce = (): Catalog => {
    known ??= catalog();
    return known;
  };

  return os.router({
    app: {
      project: os.app.project.handler(() => ({
        project: lab.store.directory,
        readOnly: lab.store.readOnly,
      })),
      info: os.app.info.handler(async () => {
        const { name, reason } = await probeDevice(lab.device);
        return {
          version,
          project: lab.store.directory,
          readOnly: lab.store.readOnly,
          device: { name, reason },
          episodes: lab.store.episodes.list({ limit: 1 }).total,
          runs: lab.store.runs.list().length,
        };
      }),
    },
    docs: {
      pages: os.docs.pages.handler(docPages),
      page: os.docs.page.handler(({ input }) => docPage(input.path)),
      metrics: os.docs.metrics.handler(metricHelp),
    },
    catalog: os.catalog.handler(catalogOnce),
    watch: os.watch.handler(({ input, signal }) => lab.events.since(input.cursor, input.waitMs, signal)),
    recipes: {
      list: os.recipes.list.handler(() => savedRecipes(lab.store)),
      save: os.recipes.save.handler(({ input }) =>
        saveRecipe(lab.store, input.id, input.recipe, input.replace),
      ),
      restore: os.recipes.restore.handler(({ input }) => restoreRecipe(lab.store, input.id, input.yaml)),
      rename: os.recipes.rename.handler(({ input }) => renameRecipe(lab.store, input.id, input.to)),
      remove: os.recipes.remove.handler(({ input }) => removeRecipe(lab.store, input.id)),
      check: os.recipes.check.handler(({ input }) => {
        try {
          const recipe = parseRecipe(input.yaml, 'recipe');
          resolveExperiment(recipe);
          return { ok: true as const, recipe };
        } catch (error) {
          if (error instanceof UsageError) return { ok: false as const, problems: [...error.problems] };
          throw error;
        }
      }),
    },
    runs: {
      list: os.runs.list.handler(() => lab.runs()),
      get: os.runs.get.handler(({ input }) => {
        const row = lab.store.runs.get(input.id);
        return {
          run: lab.run(input.id),
          config: { ...row.config },
          yaml: recipeOf(row.config),
          versions: { ...row.versions },
        };
      }),
      start: os.runs.start.handler(({ input }) => ({ id: lab.start(input.recipe, input.seed).id })),
      startSeeds: os.runs.startSeeds.handler(({ input }) => {
        const { group, runs } = lab.startGroup(input.recipe, input.seeds);
        return { group: group.id, ids: [...runs] };
      }),
      stop: os.runs.stop.handler(({ input }) => ({ stopped: lab.stop(input.id) })),
      resume: os.runs.resume.handler(({ input }) => {
        lab.resume(input.id);
        return { id: input.id };
      }),
      reweigh: os.runs.reweigh.handler(({ input }) => {
        lab.reweigh(input.id, input.line, input.weight);
        return { id: input.id };
      }),
      weights: os.runs.weights.handler(({ input }) => {
        lab.store.runs.get(input.id);
        return lab.store.weightChanges.of(input.id).map((change) => ({ ...change }));
      }),
      metrics: os.runs.metrics.handler(({ input }) => {
        lab.store.runs.get(input.id);
        const series = lab.store.metrics.series(input.id, {
          ...(input.names === undefined ? {} : { names: input.names }),
          maxPoints: input.maxPoints,
        });
        const arrays: Record<string, PackedArray> = { steps: series.steps };
        for (const [name, values] of series.values) arrays[name] = values;
        const pace = series.values.get('time/all');
        if (pace !== undefined) arrays['seconds'] = secondsOf(series.steps, pace);
        return { names: [...series.values.keys()], data: pack(arrays) };
      }),
      mark: os.runs.mark.handler(({ input }) => lab.markRuns(input.marks)),
      filter: os.runs.filter.handler(({ input }) => ({
        ids: filteredRuns(lab.store, lab.runs(), input.filter),
      })),
      configs: os.runs.configs.handler(({ input }) => runDetails(lab.store, input.ids, input.metrics)),
      compare: os.runs.compare.handler(({ input }) => comparison(lab.store, input.sides, input.metric)),
      curves: os.runs.curves.handler(({ input }) => groupCurves(lab.store, input)),
      truth: os.runs.truth.handler(({ input }) => truthBesideProxy(lab.store, input)),
      learned: os.runs.learned.handler(({ input }) => ({ proxies: learnedProxies(lab.store, input.runs) })),
      pinned: os.runs.pinned.handler(() => ({ side: pinnedSide(lab.store) })),
      pin: os.runs.pin.handler(({ input }) => ({ side: pinSide(lab.store, input.side) })),
      lineage: os.runs.lineage.handler(({ input }) => {
        lab.store.runs.get(input.id);
        return lab.lineage(`run:${input.id}`);
      }),
    },
    episodes: {
      list: os.episodes.list.handler(({ input }) => {
        const { runId, task, kind, success, filter, ...paging } = input;
        return lab.episodes({
          ...paging,
          ...(runId === undefined ? {} : { runId }),
          ...(task === undefined ? {} : { task }),
          ...(kind === undefined ? {} : { kind }),
          ...(success === undefined ? {} : { success }),
          ...(filter === undefined ? {} : { filter }),
        });
      }),
      facets: os.episodes.facets.handler(() => ({
        terms: lab.store.episodes.terms(),
        tags: lab.store.episodes.tags(),
        fields: Object.entries(episodeFields).map(([name, { kind, help }]) => ({ name, kind, help })),
      })),
      mark: os.episodes.mark.handler(({ input }) => {
        const { ids, ...marks } = input;
        lab.markEpisodes(ids, marks as EpisodeMarks);
        return { marked: ids.length };
      }),
      open: os.episodes.open.handler(({ input }) => lab.openEpisode(input.id)),
      thumbnails: os.episodes.thumbnails.handler(({ input, signal }) =>
        thumbnailsOf(lab.store, input.ids, input.moments, signal),
      ),
      score: os.episodes.score.handler(({ input, signal }) => lab.scoreEpisode(input, signal)),
      lineage: os.episodes.lineage.handler(({ input }) => episodeLineage(lab, input.id)),
      verify: os.episodes.verify.handler(({ input }) => lab.verify(input.id)),
    },
    models: {
      list: os.models.list.handler(() => lab.models()),
      disagree: os.models.disagree.handler(({ input, signal }) => lab.disagree(input, signal)),
      evaluated: os.models.evaluated.handler(() => keptTasks(lab.store.directory)),
      lastEvaluation: os.models.lastEvaluation.handler(({ input }) =>
        keptEvaluation(lab.store.directory, input.task),
      ),
      card: os.models.card.handler(({ input }) => modelCard(lab.store, input.id) as ModelCardInfo),
      evaluate: os.models.evaluate.handler(
        async ({ input, signal }) => (await lab.evaluateRewards(input, signal)) as RewardEvaluationInfo,
      ),
    },
    stage: { details: os.stage.details.handler(({ input }) => lab.stageDetails(input.id)) },
    queue: {
      list: os.queue.list.handler(() => lab.queue),
      move: os.queue.move.handler(({ input }) => lab.moveInQueue(input.id, input.to)),
    },
    live: {
      scene: os.live.scene.handler(({ input }) => {
        const run = lab.live(input.runId);
        return typeof run === 'string' ? { scene: null, reason: run } : { scene: liveScene(run), reason: '' };
      }),
      frame: os.live.frame.handler(({ input, signal }) =>
        liveFrame(() => lab.live(input.runId), input, signal),
      ),
    },
    probe: {
      open: os.probe.open.handler(({ input }) => probe.open(input)),
      evaluate: os.probe.evaluate.handler(({ input, signal }) => probe.evaluate(input, signal)),
      sweep: os.probe.sweep.handler(({ input, signal }) => probe.sweep(input, signal)),
      field: os.probe.field.handler(({ input, signal }) => probe.field(input, signal)),
    },
    forks: {
      choices: os.forks.choices.handler(({ input }) => forkChoices(lab, input)),
      create: os.forks.create.handler(({ input, signal }) => makeFork(lab, input, signal)),
      tree: os.forks.tree.handler(({ input }) => forkTree(lab, input.id)),
    },
    drive: {
      start: os.drive.start.handler(({ input }) => drives.start(input)),
      step: os.drive.step.handler(({ input }) => drives.step(input)),
      frame: os.drive.frame.handler(({ input }) => drives.frame(input)),
      finish: os.drive.finish.handler(({ input }) => drives.finish(input)),
    },
    sample: { create: os.sample.create.handler(() => ({ id: lab.sample() })) },
  });
}

/** The recipe that would make a run's configuration again, as YAML; empty for runs that no recipe makes. */
function recipeOf(config: Readonly<Record<string, unknown>>): string {
  if (!Array.isArray(config['reward'])) return '';
  const { name, title, task, taskSettings, algorithm, algorithmSettings, reward, experiment, selfPlay } =
    config;
  const lines = (reward as Record<string, unknown>[]).map((line) => {
    // A native reward enters as it is: a recipe must not say how.
    const isNative = rewardNamed(String(line['reward']))?.kind === 'native';
    const isSaid = ([key, value]: [string, unknown]): boolean =>
      value !== null && !(isNative && key === 'use');
    return Object.fromEntries(Object.entries(line).filter(isSaid));
  });
  try {
    return recipeToYaml(
      checkRecipe({
        name,
        title,
        task,
        taskSettings,
        algorithm,
        algorithmSettings,
        reward: lines,
        experiment,
        ...(selfPlay === undefined ? {} : { selfPlay }),
      }),
    );
  } catch {
    return '';
  }
}
