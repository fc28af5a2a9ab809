/**
 * The command line: everything without a window. Exit 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C (the run is
 * saved and can be resumed).
 */

import { Command, CommanderError, Option } from 'commander';
import { rewards } from '../learn/rewards/index.ts';
import { perceptual } from '../learn/rewards/perceptual.ts';
import { type LearnedUse, learnedUses } from '../learn/rewards/stack.ts';
import type { RewardMethod } from '../learn/rewards/types.ts';
import { cameraFields } from '../sim/camera.ts';
import type { Task, TaskModel } from '../sim/env.ts';
import type { AnySettings } from '../sim/fields.ts';
import { tasks } from '../sim/tasks/index.ts';
import type { Recipe } from './api.ts';
import { loadRecipe } from './catalog.ts';
import { runBench } from './cli/bench.ts';
import { showCatalog } from './cli/catalog-verbs.ts';
import { type ClaimFlags, showClaim, showClaims } from './cli/claims.ts';
import { showComparison } from './cli/compare.ts';
import { doctor } from './cli/doctor.ts';
import { type EndpointFlags, showEndpoint } from './cli/endpoint.ts';
import { type EvalRewardFlags, showEvaluation, showModel } from './cli/eval-reward.ts';
import { showMetrics } from './cli/metrics.ts';
import {
  type Common,
  commonOptions,
  metricFileOptions,
  policyOf,
  runId,
  seedsOf,
  share,
  whole,
  withLab,
  withReader,
} from './cli/options.ts';
import { note, print, printJson, table } from './cli/output.ts';
import { largestPicture, type PictureKind, pictureKinds, takePicture } from './cli/picture.ts';
import { rollOut } from './cli/rollout.ts';
import { listRuns, resumeAll, resumeGroup, showGroup, showRun } from './cli/runs.ts';
import { checkSave, followSearch, startSearch } from './cli/search.ts';
import {
  printWinRates,
  type SelfPlayFlags,
  selfPlayRecipe,
  showSelfPlay,
  winRatesOf,
} from './cli/self-play.ts';
import { type ShapingFlags, showShaping } from './cli/shaping-check.ts';
import { placeOf, showSuggestions, suggestionsFor } from './cli/suggest-stages.ts';
import { verify } from './cli/verify.ts';
import { type ComparedMetric, comparedMetrics } from './compare.ts';
import { messageOf, UsageError } from './errors.ts';
import { applySets, checkRecipe, resolveExperiment } from './experiment.ts';
import { checkSettings, nearest } from './fields.ts';
import { isGroupId, type SearchDefinition } from './groups.ts';
import type { Lab } from './lab.ts';
import { projectDirectory } from './project.ts';
import { rewardNamed, taskNamed } from './registry.ts';
import { evaluationDefaults } from './reward-evaluation.ts';
import { trialsOf } from './search.ts';
import { applySetsTo } from './sets.ts';
import { taskRecipe } from './task-recipe.ts';
import { version } from './versions.ts';

const episodeKinds = ['demonstration', 'failure', 'random', 'training', 'evaluation'] as const;

interface CollectFlags {
  readonly task: string;
  readonly policy: string;
  readonly episodes: number;
  readonly failures: number;
  readonly noise: number;
}

interface TrainFlags {
  readonly task?: string;
  readonly algorithm?: string;
  readonly reward?: string;
}

interface SearchFlags extends TrainFlags {
  readonly space: string;
  readonly trials: number;
  readonly eta: number;
  readonly minSteps: number;
  readonly maxSteps?: number;
  readonly seeds: string;
  readonly episodes: number;
  readonly score: ComparedMetric;
  readonly save?: string;
}

/** The recipe that `--task --algorithm --reward` stand for. */
function recipeFromFlags(verb: string, { task, algorithm, reward }: TrainFlags): Recipe {
  if (task === undefined) {
    throw new UsageError([
      `${verb}: wanted a recipe, or --task with one of ${Object.keys(tasks).join(', ')}`,
    ]);
  }
  if (reward !== undefined) rewardOf('--reward', reward, Object.keys(rewards));
  const { recipe, notes } = taskRecipe({ task, algorithm, reward });
  for (const line of notes) note(line);
  return checkRecipe(recipe);
}

function recipeOf(verb: string, name: string | undefined, flags: TrainFlags): Recipe {
  if (name === undefined) return recipeFromFlags(verb, flags);
  const both = (['task', 'algorithm', 'reward'] as const).filter((flag) => flags[flag] !== undefined);
  if (both.length === 0) return loadRecipe(name);
  throw new UsageError([
    `${verb}: found the recipe ${name} and --${both.join(', --')}, which the recipe says; leave one of them out`,
  ]);
}

/** Seeds that a search trains on, so that those from 0 on are left to report on. */
const firstSearchSeed = 1000;

function rewardOf(flag: string, id: string, known: readonly string[]): RewardMethod {
  const method = known.includes(id) ? rewardNamed(id) : undefined;
  if (method !== undefined) return method;
  throw new UsageError([`${flag}: unknown reward "${id}"${nearest(id, known)}`]);
}

/** The task as it is set. @throws UsageError on settings that are wrong or impossible together. */
function modelOf(task: Task, settings: AnySettings): TaskModel {
  try {
    return task.create(settings);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError([`--set: ${error.message}`]);
    throw error;
  }
}

function taskOf(id: string): Task {
  const task = taskNamed(id);
  if (task !== undefined) return task;
  throw new UsageError([`--task: unknown task "${id}"${nearest(id, Object.keys(tasks))}`]);
}

/** Every setting of one group of fields, defaults and `--set`. @throws UsageError */
function settingsFrom(name: string, fields: Parameters<typeof checkSettings>[0], sets: readonly string[]) {
  const settings: Record<string, unknown> = {};
  const problems = applySetsTo([{ name, fields, settings }], sets);
  if (problems.length > 0) throw new UsageError(problems);
  return checkSettings(fields, settings, `--set ${name}`).settings;
}

const verbsWithSettings = [
  'rollout',
  'picture',
  'collect',
  'fit',
  'train',
  'self-play',
  'search',
  'endpoint',
  'eval-reward',
  'check-shaping',
  'suggest-stages',
];

/** What a verb would silently ignore is refused. @throws UsageError */
function checkCommon(verb: Command): void {
  const { set } = verb.optsWithGlobals<Common>();
  const name = verb.name();
  if (set.length > 0 && !verbsWithSettings.includes(name)) {
    throw new UsageError([
      `${name}: found --set ${set[0]}, there is nothing to set here; ${verbsWithSettings.join(', ')} take it`,
    ]);
  }
  if (name === 'resume' && verb.getOptionValueSourceWithGlobals('seed') === 'cli') {
    throw new UsageError(['resume: found --seed; a run keeps the seed it was started with']);
  }
}

function program(): { command: Command; exitCode: () => number } {
  let exitCode = 0;
  const command = new Command('lab')
    .description('Reward Lab: simulate, demonstrate, fit a reward model, train, replay, compare.')
    .version(version)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .showHelpAfterError('(--help shows what there is)')
    .hook('preAction', (_, verb) => checkCommon(verb));
  for (const option of commonOptions()) command.addOption(option);

  for (const what of ['tasks', 'rewards', 'algorithms', 'recipes'] as const) {
    const verb = command
      .command(what)
      .description(`list the ${what} with every field, default, range and unit`);
    verb.action(() => showCatalog(what, verb.optsWithGlobals<Common>().json === true));
  }

  const rollout = command
    .command('rollout')
    .description('apply given actions from a given start and print every step')
    .requiredOption('--task <task>', 'which task')
    .requiredOption('--actions <file>', "JSON list, one action a step in the task's own units; - reads stdin")
    .option(
      '--state <json>',
      "start here instead of at --seed: a list of numbers, Gymnasium's own vector where there is a twin; or {task, version, state}",
    )
    .action(() => {
      const options = rollout.optsWithGlobals<Common & { task: string; actions: string; state?: string }>();
      if (options.state !== undefined && rollout.getOptionValueSourceWithGlobals('seed') === 'cli') {
        throw new UsageError(['rollout: found both --state and --seed, wanted one of them']);
      }
      const task = taskOf(options.task);
      const model = modelOf(task, settingsFrom('task', task.fields, options.set));
      const start = options.state === undefined ? { seed: options.seed } : { state: options.state };
      const rolled = rollOut(model, { file: options.actions, start });
      if (options.json === true) return printJson(rolled);
      const rows = rolled.rewards.map((reward, t) => ({
        step: t + 1,
        reward,
        end: rolled.terminated[t] ? 'terminated' : rolled.truncated[t] ? 'truncated' : '',
        state: rolled.states[t]!.map((value) => value.toFixed(4)).join(' '),
      }));
      print(table(rows) || 'No actions, no steps.');
    });

  const picture = command
    .command('picture')
    .description('write what a camera sees of a task as a PNG file')
    .requiredOption('--task <task>', 'which task')
    .requiredOption('--out <file>', 'the PNG file to write')
    .addOption(
      new Option('--step <n>', 'control steps by the expert before it')
        .argParser(whole(0, 1_000_000))
        .default(0),
    )
    .option('--view <view>', 'front, side, top, wrist or one of the task', 'front')
    .addOption(
      new Option('--size <px>', 'width and height').argParser(whole(32, largestPicture)).default(128),
    )
    .addOption(new Option('--kind <kind>', 'colour, depth or body ids').choices(pictureKinds).default('rgb'))
    .action(() => {
      type Flags = { task: string; out: string; step: number; view: string; size: number; kind: PictureKind };
      const options = picture.optsWithGlobals<Common & Flags>();
      const task = taskOf(options.task);
      const camera: Record<string, unknown> = { width: options.size, height: options.size };
      const settings: Record<string, unknown> = {};
      const problems = applySetsTo(
        [
          { name: 'task', fields: task.fields, settings },
          { name: 'camera', fields: cameraFields, settings: camera },
        ],
        options.set,
      );
      if (problems.length > 0) throw new UsageError(problems);
      const taken = takePicture(modelOf(task, checkSettings(task.fields, settings, '--set task').settings), {
        view: options.view,
        kind: options.kind,
        file: options.out,
        seed: options.seed,
        step: options.step,
        camera: camera as AnySettings,
      });
      if (options.json === true) return printJson(taken);
      const seen = taken.bodies.map(({ name, pixels }) => `${name} ${pixels} px`).join(', ');
      print(`Wrote ${taken.file}: ${taken.task} after ${taken.step} steps from ${taken.view}.`);
      print(seen === '' ? 'Nothing is in view.' : `In view: ${seen}`);
    });

  const collect = command
    .command('collect')
    .description('record episodes')
    .requiredOption('--task <task>', 'which task')
    .option(
      '--policy <policy>',
      'expert, random, run:<id> (its newest checkpoint), or a checkpoint id',
      'expert',
    )
    .addOption(new Option('--episodes <n>', 'how many').argParser(whole(1, 1_000_000)).default(60))
    .addOption(new Option('--noise <level>', 'most noise on the expert, 0 to 1').argParser(share).default(0))
    .addOption(
      new Option(
        '--failures <n>',
        'failed episodes beside the demonstrations, so that a reward model sees failure',
      )
        .argParser(whole(0, 1_000_000))
        .default(0),
    )
    .action(async () => {
      const options = collect.optsWithGlobals<Common & CollectFlags>();
      const task = taskOf(options.task);
      const taskSettings = settingsFrom('task', task.fields, options.set);
      modelOf(task, taskSettings);
      const policy = policyOf(options.policy);
      await withLab(options, { create: typeof policy === 'string' }, async (lab) => {
        const checkpoint =
          typeof policy === 'string'
            ? policy
            : policy.from === 'run'
              ? lab.newestCheckpoint(policy.id).id
              : policy.id;
        const id = lab.collect({
          name: `${options.task} by ${typeof checkpoint === 'number' ? `checkpoint ${checkpoint}` : checkpoint}`,
          task: options.task,
          taskVersion: task.version,
          taskSettings,
          seed: options.seed,
          policy: checkpoint,
          noise: options.noise,
          episodes: options.episodes,
          failures: options.failures,
        });
        exitCode = await showRun(lab, id, null, options.json === true);
      });
    });

  const learned = Object.values(rewards)
    .filter((reward) => reward.kind === 'learned')
    .map((reward) => reward.id);
  const fit = command
    .command('fit')
    .description('fit a reward model from recorded demonstrations')
    .requiredOption('--from <run>', 'the collect run with the demonstrations', runId)
    .option('--method <reward>', `which learned reward: ${learned.join(', ')}`, 'sarm')
    .action(async () => {
      const options = fit.optsWithGlobals<Common & { from: number; method: string }>();
      const { fields } = rewardOf('--method', options.method, learned);
      const settings = settingsFrom(options.method, fields, options.set);
      await withLab(options, {}, async (lab) => {
        const id = lab.fit({ method: options.method, settings, from: options.from, seed: options.seed });
        exitCode = await showRun(lab, id, null, options.json === true);
      });
    });

  const train = command
    .command('train')
    .description('train an agent from a recipe, or from --task --algorithm --reward')
    .argument('[recipe]', 'a recipe by name or file')
    .option('--task <task>', 'which task, with its own tuned settings')
    .option('--algorithm <algorithm>', "which algorithm (default: the task's own choice)")
    .option(
      '--reward <reward>',
      "sparse, dense, or a learned reward as shaping on top of sparse (default: the task's own choice)",
    )
    .option('--no-baseline', 'leave out the sparse baseline that the recipe asks for')
    .option(
      '--seeds <seeds>',
      'a run for each: 5 of them from --seed on, a list (1,2,3) or a range (0..9); as many at once as there are cores',
    )
    .action(async (name: string | undefined) => {
      const options = train.optsWithGlobals<Common & TrainFlags & { baseline: boolean; seeds?: string }>();
      const sets = options.baseline ? options.set : [...options.set, 'experiment.baseline=false'];
      const recipe = applySets(recipeOf('train', name, options), sets);
      // A recipe that is wrong leaves no project behind.
      resolveExperiment(recipe);
      const seeds = options.seeds === undefined ? null : seedsOf(options.seeds, options.seed);
      await withLab(options, { create: true }, async (lab) => {
        if (seeds !== null) {
          exitCode = await showGroup(lab, lab.startGroup(recipe, seeds), options.json === true);
          return;
        }
        const { id, baseline } = lab.start(recipe, options.seed);
        exitCode = await showRun(lab, id, baseline, options.json === true);
      });
    });

  for (const option of metricFileOptions()) train.addOption(option);

  const selfPlay = command
    .command('self-play')
    .description(
      'let both sides of a game learn against each other, and measure them against fixed opponents',
    )
    .option('--task <task>', 'a game of two sides: tag, soccer')
    .option('--algorithm <algorithm>', 'one that learns from what it plays', 'ppo')
    .addOption(
      new Option('--steps <n>', "steps of each side (default: the task's own)").argParser(
        whole(1, 1_000_000_000),
      ),
    )
    .option('--show <run>', 'print what an earlier run came to, and train nothing', runId)
    .action(async () => {
      const options = selfPlay.optsWithGlobals<Common & SelfPlayFlags>();
      const { show } = options;
      const json = options.json === true;
      if (show !== undefined) {
        return withReader(options, (lab) => {
          const rates = winRatesOf(lab, show);
          if (json) printJson(rates);
          else printWinRates(rates);
        });
      }
      const recipe = applySets(checkRecipe(selfPlayRecipe(options)), options.set);
      resolveExperiment(recipe);
      await withLab(options, { create: true }, async (lab) => {
        exitCode = await showSelfPlay(lab, lab.start(recipe, options.seed).id, json);
      });
    });

  for (const option of metricFileOptions()) selfPlay.addOption(option);

  const resume = command
    .command('resume')
    .description('go on with what was stopped, failed or was killed: a run, a group of seeds, a search')
    .argument('[run]', 'its id: 3, g1, s1')
    .option('--all', 'every training run and evaluation that is paused or crashed')
    .action(async (word: string | undefined) => {
      const options = resume.optsWithGlobals<Common & { all?: boolean }>();
      if ((word === undefined) === (options.all !== true))
        throw new UsageError(['resume: wanted a run (3), a group (g1), a search (s1), or --all']);
      await withLab(options, {}, async (lab) => {
        const json = options.json === true;
        if (word === undefined) {
          exitCode = await resumeAll(lab, json);
          return;
        }
        if (isGroupId(word)) {
          exitCode = word.startsWith('s')
            ? await followSearch(lab, word, { json, save: undefined })
            : await resumeGroup(lab, word, json);
          return;
        }
        if (!/^[1-9]\d{0,14}$/.test(word)) {
          throw new UsageError([`resume: found "${word}", wanted a run (3), a group (g1) or a search (s1)`]);
        }
        const id = Number(word);
        const baseline = lab.baselineOf(id);
        const open = [id, baseline].filter((run) => run !== null && lab.find(run).status !== 'done');
        // With nothing left, resuming the run itself says so.
        for (const run of open.length === 0 ? [id] : open) lab.resume(run!);
        exitCode = await showRun(lab, id, baseline, options.json === true);
      });
    });

  const comparison = command
    .command('compare')
    .description('put runs and groups side by side: intervals, paired starts, what can be told and what not')
    .argument('<sides...>', 'two or more: a run (3), a group (g1), or runs put together (1,2,5 or 4..8)')
    .addOption(new Option('--metric <metric>', 'what counts').choices(comparedMetrics).default('success'))
    .action(async (sides: readonly string[]) => {
      const options = comparison.optsWithGlobals<Common & { metric: ComparedMetric }>();
      await withReader(options, (lab) => showComparison(lab, sides, options.metric, options.json === true));
    });

  const endpoint = command
    .command('endpoint')
    .description('the language or vision model that methods may ask: show it, change it (--set), try it')
    .option('--ask <question>', 'ask it something')
    .action(async () => {
      const options = endpoint.optsWithGlobals<Common & EndpointFlags>();
      await showEndpoint(projectDirectory(options.project), options.set, options, options.json === true);
    });

  const evalReward = command
    .command('eval-reward')
    .description(
      'judge reward models on the same episodes, counter-baselines beside them: which one to trust?',
    )
    .requiredOption('--task <task>', 'which task')
    .requiredOption(
      '--models <models>',
      'all, or stored models (id, or beginning of the hash) and methods to fit now, with commas between',
    )
    .addOption(
      new Option('--episodes <n>', 'judged episodes in each group')
        .argParser(whole(1, 1000))
        .default(evaluationDefaults.episodes),
    )
    .addOption(
      new Option('--stride <n>', 'frames between two that are measured')
        .argParser(whole(1, 1000))
        .default(evaluationDefaults.stride),
    )
    .addOption(
      new Option('--demonstrations <n>', 'what methods are fitted on')
        .argParser(whole(1, 10_000))
        .default(evaluationDefaults.demonstrations),
    )
    .addOption(
      new Option('--failures <n>', 'wandering episodes beside them')
        .argParser(whole(0, 10_000))
        .default(evaluationDefaults.failures),
    )
    .option('--run <run>', 'judge on stored episodes of this run, too', runId)
    .addOption(
      new Option(
        '--retrain <steps>',
        'also train a policy on each reward and score it by the truth; takes long',
      ).argParser(whole(1, 100_000_000)),
    )
    .addOption(
      new Option('--retrain-use <use>', 'as shaping on top of the sparse reward, or alone')
        .choices(['shaping', 'alone'])
        .default('shaping'),
    )
    .addOption(
      new Option('--retrain-seeds <k>', 'training seeds of each').argParser(whole(1, 100)).default(1),
    )
    .action(async () => {
      const options = evalReward.optsWithGlobals<Common & EvalRewardFlags>();
      const { fields } = taskOf(options.task);
      const settings = settingsFrom('task', fields, options.set);
      exitCode = await showEvaluation(projectDirectory(options.project), options, settings, options);
    });

  const modelVerb = command
    .command('model')
    .description('the card of a stored reward model: method, settings, data, versions, measures')
    .argument('<model>', 'its id, or the beginning of its hash')
    .action(async (word: string) => {
      const options = modelVerb.optsWithGlobals<Common>();
      await withReader(options, (lab) => showModel(lab.store, word, options.json === true));
    });

  const claimFlags = (verb: Command): Command =>
    verb
      .addOption(
        new Option('--seeds <k>', "how many repetitions (default: each claim's own number)").argParser(
          whole(1, 1000),
        ),
      )
      .addOption(
        new Option('--seed-offset <n>', 'the first seed: 0 to report, 1000 and more to tune')
          .default(0)
          .argParser(whole(0, 1_000_000)),
      );

  const claim = claimFlags(
    command
      .command('claim')
      .description("try what a method's paper says on our tasks: holds, fails, or not measurable")
      .argument('<method>', 'a reward method with claims')
      .option('--task <task>', "another task than the claims' own")
      .option('--only <claim>', 'one of its claims'),
  ).action(async (method: string) => {
    const options = claim.optsWithGlobals<Common & ClaimFlags>();
    exitCode = await showClaim(method, options, options.json === true);
  });

  const allClaims = claimFlags(
    command.command('claims').description('try the claims of every method, one line each'),
  ).action(async () => {
    const options = allClaims.optsWithGlobals<Common & ClaimFlags>();
    exitCode = await showClaims(options, options.json === true);
  });

  const search = command
    .command('search')
    .description('look for better settings by successive halving; the same command goes on with it')
    .argument('[recipe]', 'a recipe by name or file')
    .option('--task <task>', 'which task, with its own tuned settings')
    .option('--algorithm <algorithm>', "which algorithm (default: the task's own choice)")
    .option('--reward <reward>', "which reward (default: the task's own choice)")
    .requiredOption(
      '--space <space>',
      'what is tried: algorithm.learningRate=1e-4..1e-2:log, algorithm.minibatch=128|256, weight.dense=0.5..2',
    )
    .addOption(
      new Option('--trials <n>', 'configurations, the recipe itself among them')
        .argParser(whole(2, 10_000))
        .default(16),
    )
    .addOption(
      new Option('--eta <n>', 'one in eta goes on, with eta times the steps')
        .argParser(whole(2, 100))
        .default(3),
    )
    .addOption(
      new Option('--min-steps <n>', 'steps of the first rung').argParser(whole(1, 1e9)).default(20_000),
    )
    .addOption(new Option('--max-steps <n>', 'no rung is longer').argParser(whole(1, 1e9)))
    .option('--seeds <seeds>', 'training seeds of each trial: how many from 1000 on, a list or a range', '1')
    .addOption(
      new Option('--episodes <n>', 'starts that a trial is scored on')
        .argParser(whole(1, 100_000))
        .default(64),
    )
    .addOption(
      new Option('--score <metric>', 'what makes a trial better').choices(comparedMetrics).default('success'),
    )
    .option('--save <file>', 'write the best recipe here')
    .action(async (name: string | undefined) => {
      const options = search.optsWithGlobals<Common & SearchFlags>();
      const definition: SearchDefinition = {
        recipe: applySets(recipeOf('search', name, options), options.set),
        space: options.space,
        trials: options.trials,
        eta: options.eta,
        minSteps: options.minSteps,
        maxSteps: options.maxSteps ?? null,
        seeds: seedsOf(options.seeds, firstSearchSeed),
        seed: options.seed,
        episodes: options.episodes,
        score: options.score,
      };
      // What cannot be drawn leaves no project behind.
      trialsOf(definition);
      checkSave(options.save);
      await withLab(options, { create: true }, async (lab) => {
        const output = { json: options.json === true, save: options.save };
        exitCode = await startSearch(lab, definition, output);
      });
    });

  for (const option of metricFileOptions()) resume.addOption(option);

  const shaping = command
    .command('check-shaping')
    .description('say whether the lines of a reward stack change what is best to do, and in which states')
    .argument('[recipe]', 'a recipe by name or file')
    .option('--task <task>', 'which task')
    .option('--reward <reward>', 'which reward, on top of sparse')
    .addOption(new Option('--use <use>', 'how a learned one enters').choices(learnedUses).default('shaping'))
    .addOption(new Option('--gamma <gamma>', "discount (default: the algorithm's)").argParser(share))
    .addOption(
      new Option('--episodes <n>', 'of each kind that sums are taken over: expert, wandering, random')
        .argParser(whole(1, 10_000))
        .default(10),
    )
    .action(async (name: string | undefined) => {
      type Flags = Common & ShapingFlags & TrainFlags & { use: LearnedUse };
      const options = shaping.optsWithGlobals<Flags>();
      const recipe = structuredClone(recipeOf('check-shaping', name, options));
      if (name === undefined) {
        if (options.reward === undefined)
          throw new UsageError(['check-shaping: wanted a recipe, or --task and --reward']);
        recipe.reward = [{ reward: 'sparse' }];
        const learned = rewardNamed(options.reward)?.kind === 'learned';
        if (options.reward !== 'sparse')
          recipe.reward.push({ reward: options.reward, ...(learned ? { use: options.use } : {}) });
      } else if (shaping.getOptionValueSourceWithGlobals('use') === 'cli')
        throw new UsageError([
          `check-shaping: found the recipe ${name} and --use, which the recipe says; leave one of them out`,
        ]);
      await showShaping(resolveExperiment(applySets(recipe, options.set)), options);
    });

  const evaluate = command
    .command('evaluate')
    .description('evaluate the newest policy of a run')
    .argument('<run>', 'its id', runId)
    .addOption(new Option('--episodes <n>', 'how many').argParser(whole(1, 1_000_000)).default(100))
    .action(async (id: number) => {
      const options = evaluate.optsWithGlobals<Common & { episodes: number }>();
      await withLab(options, {}, async (lab) => {
        const evaluation = lab.evaluate(id, options.episodes, options.seed);
        exitCode = await showRun(lab, evaluation, null, options.json === true);
      });
    });

  const episodes = command
    .command('episodes')
    .description('list recorded episodes')
    .option('--run <run>', 'only of this run', runId)
    .addOption(new Option('--kind <kind>', 'only of this kind').choices(episodeKinds))
    .addOption(new Option('--limit <n>', 'how many').argParser(whole(1, 1_000_000)).default(20))
    .action(async () => {
      type Flags = { run?: number; kind?: (typeof episodeKinds)[number]; limit: number };
      const { run, kind, limit, ...options } = episodes.optsWithGlobals<Common & Flags>();
      await withReader(options, (lab) => {
        if (run !== undefined) lab.find(run);
        const { total, items } = lab.episodes({
          ...(run === undefined ? {} : { runId: run }),
          ...(kind === undefined ? {} : { kind }),
          limit,
          descending: true,
        });
        if (options.json === true) return printJson({ total, episodes: items });
        print(
          table(
            items.map((e) => ({
              id: e.id,
              run: e.runId,
              kind: e.kind,
              seed: e.seed,
              steps: e.length,
              ending: e.ending,
              success: e.success ? 'yes' : 'no',
              progress: e.finalProgress.toFixed(3),
              return: e.returnTotal.toFixed(2),
              verified: e.verified === null ? '-' : e.verified ? 'yes' : 'NO',
            })),
          ),
        );
        print(`${items.length} of ${total} episodes`);
      });
    });

  const check = command
    .command('verify')
    .description('replay stored episodes from seed and actions and compare every state')
    .argument('[episode]', 'its id', runId)
    .option('--all', 'every stored episode')
    .action(async (id: number | undefined) => {
      const options = check.optsWithGlobals<Common & { all?: boolean }>();
      if ((id === undefined) === (options.all !== true))
        throw new UsageError(['verify: wanted one episode id, or --all']);
      await withLab(options, { orRead: true }, async (lab, stopped) => {
        exitCode = await verify(lab, id ?? null, options.json === true, stopped);
      });
    });

  const history = command
    .command('history')
    .description('the last states of an episode that diverged, and what broke')
    .argument('<episode>', 'its id', runId)
    .action(async (id: number) => {
      const options = history.optsWithGlobals<Common>();
      await withReader(options, (lab) => {
        const found = lab.history(id);
        if (options.json === true) return printJson(found);
        print(`${found.task} version ${found.version}: in the last state ${found.broken}.`);
        const named = found.fields.map(({ name, size, unit }) => `${name} ${size} (${unit})`).join(', ');
        print(`Numbers of a state: ${named}`);
        for (const [t, state] of found.states.entries()) print(`${found.firstStep + t}  ${state.join(' ')}`);
      });
    });

  const suggest = command
    .command('suggest-stages')
    .description('find the steps of recorded demonstrations without labels, as a proposal for stage labels')
    .argument('<where>', 'a run with demonstrations (3), or one of them (episode:12)')
    .addOption(
      new Option('--steps <k>', "how many steps (default: as many as the task's stages)").argParser(
        whole(2, 12),
      ),
    )
    .addOption(
      new Option(
        '--write <scheme>',
        "store them as labels, source perceptual; a fit takes them before the simulator's of the same scheme",
      ).choices(['sparse', 'dense']),
    )
    .action(async (where: string) => {
      const options = suggest.optsWithGlobals<Common & { steps?: number; write?: 'sparse' | 'dense' }>();
      const settings: Record<string, unknown> = {};
      const group = { name: perceptual.id, fields: perceptual.fields, settings };
      const problems = applySetsTo([group], options.set);
      if (problems.length > 0) throw new UsageError(problems);
      const given = { ...settings, ...(options.steps === undefined ? {} : { steps: options.steps }) };
      const place = placeOf(where);
      const find = (lab: Lab): void =>
        showSuggestions(
          suggestionsFor(lab.store, place, given as AnySettings, options.write ?? null),
          options.json === true,
        );
      if (options.write === undefined) await withReader(options, find);
      else await withLab(options, {}, async (lab) => find(lab));
    });

  const bench = command
    .command('bench')
    .description('measure; without a name, say what can be measured')
    .argument('[name]', 'which of the benchmarks in bench/')
    .argument('[args...]', 'its own flags, after --')
    .allowUnknownOption()
    .action(async (name: string | undefined, args: readonly string[]) => {
      const { json } = bench.optsWithGlobals<Common>();
      exitCode = await runBench(name, json === true ? [...args, '--json'] : args);
    });

  const runs = command.command('runs').description('list the runs');
  runs.action(async () => {
    const options = runs.optsWithGlobals<Common>();
    await withReader(options, (lab) => listRuns(lab, options.json === true));
  });

  const metrics = command
    .command('metrics')
    .description("a run's metrics: an overview, or every row of them for other programs")
    .argument('<run>', 'its id', runId)
    .option('--jsonl', 'one JSON object a row')
    .option('--csv', 'a table with a column a metric')
    .action(async (id: number) => {
      const options = metrics.optsWithGlobals<Common & { jsonl?: boolean; csv?: boolean }>();
      const formats = (['json', 'jsonl', 'csv'] as const).filter((format) => options[format] === true);
      if (formats.length > 1) {
        throw new UsageError([`metrics: found --${formats.join(' and --')}, wanted one of them`]);
      }
      await withReader(options, (lab) => showMetrics(lab, id, formats[0] ?? 'table'));
    });

  const serveVerb = command
    .command('serve')
    .description('serve the window to this machine only')
    .addOption(new Option('--port <n>', '0 takes any free one').argParser(whole(0, 65_535)).default(0))
    .option('--no-open', 'do not open a browser')
    .action(async () => {
      const options = serveVerb.optsWithGlobals<Common & { port: number; open: boolean }>();
      const { serve } = await import('./serve.ts');
      await withLab(options, { create: true, orRead: true }, async (lab, stopped) => {
        const door = await serve({ lab, port: options.port });
        if (options.json === true)
          printJson({ url: door.url, port: door.port, project: lab.store.directory });
        else print(`Reward Lab is at ${door.url}`);
        note(`Project: ${lab.store.directory}. Stop with Ctrl-C.`);
        if (options.open) {
          const open = (await import('open')).default;
          // A machine without a browser is no reason to stop: the address is printed.
          await open(door.url).catch(() => undefined);
        }
        while (!stopped()) await new Promise((resolveTick) => setTimeout(resolveTick, 200));
        await door.close();
      });
    });

  const doctorVerb = command
    .command('doctor')
    .description('versions, devices, chosen backend and why, health of the database');
  doctorVerb.action(async () => {
    const options = doctorVerb.optsWithGlobals<Common>();
    exitCode = await doctor(projectDirectory(options.project), options.device, options.json === true);
  });

  return { command, exitCode: () => exitCode };
}

/** Runs one command line and says how it ended. */
export async function main(args: readonly string[]): Promise<number> {
  const json = args.includes('--json');
  const fail = (code: number, message: string): number => {
    note(message);
    if (json) printJson({ error: message });
    return code;
  };
  try {
    const { command, exitCode } = program();
    await command.parseAsync([...args], { from: 'user' });
    return exitCode();
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      // Commander has said it on stderr; of a missing verb it has shown the help and says nothing.
      const isHelp = error.code === 'commander.help';
      if (json) printJson({ error: isHelp ? 'wanted a verb; --help shows what there is' : error.message });
      return 2;
    }
    if (error instanceof UsageError) return fail(2, error.message);
    return fail(
      1,
      process.env['REWARD_LAB_DEBUG'] === undefined ? messageOf(error) : String((error as Error).stack),
    );
  }
}

if (import.meta.main) {
  // `lab episodes | head`: whoever reads has had enough. A closed terminal ends no run.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  process.stderr.on('error', () => undefined);
  process.exitCode = await main(process.argv.slice(2));
}
