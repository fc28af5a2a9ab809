/**
 * The command line: everything without a window. Exit 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C (the run is
 * saved and can be resumed).
 */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { rewards } from '../learn/rewards/index.ts';
import type { RewardMethod } from '../learn/rewards/types.ts';
import type { DeviceChoice } from '../learn/tensor/device.ts';
import { tasks } from '../sim/tasks/index.ts';
import { StoreBusyError, StoreForeignError, StoreReadOnlyError } from '../store/index.ts';
import type { Recipe, Run } from './api.ts';
import { loadRecipe } from './catalog.ts';
import { showCatalog } from './cli/catalog-verbs.ts';
import { doctor } from './cli/doctor.ts';
import { duration, note, Progress, percent, print, printJson, table } from './cli/output.ts';
import { rollOut } from './cli/rollout.ts';
import { messageOf, UsageError } from './errors.ts';
import { applySets, checkRecipe } from './experiment.ts';
import { checkSettings, nearest, parseFieldText } from './fields.ts';
import { type EvaluationSummary, Lab } from './lab.ts';
import { projectDirectory } from './project.ts';
import { version } from './versions.ts';

interface Common {
  readonly project?: string;
  readonly seed: number;
  readonly set: readonly string[];
  readonly json?: boolean;
  readonly device: DeviceChoice;
}

const devices: readonly DeviceChoice[] = ['auto', 'tfjs-node-gpu', 'webgpu', 'wasm', 'cpu'];

const whole =
  (low: number, high: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < low || value > high) {
      throw new InvalidArgumentError(`wanted a whole number from ${low} to ${high}`);
    }
    return value;
  };

const runId = whole(1, Number.MAX_SAFE_INTEGER);
const many = (value: string, before: readonly string[]): readonly string[] => [...before, value];

interface CollectFlags {
  readonly task: string;
  readonly policy: string;
  readonly episodes: number;
  readonly failures: number;
  readonly noise: number;
}

/** A finished run as the JSON that the verbs print. */
function evaluationJson(run: Run, evaluation: EvaluationSummary | null) {
  return {
    run: run.id,
    name: run.name,
    task: run.task,
    status: run.status,
    seed: run.seed,
    device: run.device,
    rewardHash: run.rewardHash,
    ...(evaluation ?? {}),
  };
}

const successLine = (name: string, e: EvaluationSummary): string =>
  `${name}: success ${percent(e.success)} (95 % interval ${percent(e.interval.low)} .. ${percent(e.interval.high)}, ${e.episodes} episodes)`;

/** Opens the lab for writing, lets `work` use it, and stops every run cleanly on Ctrl-C. */
async function withLab<T>(
  options: Common,
  work: (lab: Lab, stopped: () => boolean) => Promise<T>,
): Promise<T> {
  const lab = new Lab({ project: projectDirectory(options.project), device: options.device });
  let stopped = false;
  let stoppedAt = 0;
  const stop = (): void => {
    // A signal to the whole process group arrives twice: from the kernel, and passed on by build/run.mjs.
    if (stopped && performance.now() - stoppedAt > 1000) process.exit(130);
    if (stopped) return;
    stopped = true;
    stoppedAt = performance.now();
    note('Stopping: the run is being saved (once more to leave at once)');
    for (const run of lab.runs()) lab.stop(run.id);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    return await work(lab, () => stopped);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    await lab.close();
  }
}

/** Opens for reading; works beside a running lab. @throws UsageError when there is no project. */
async function withReader<T>(options: Common, work: (lab: Lab) => T | Promise<T>): Promise<T> {
  const project = projectDirectory(options.project);
  if (!existsSync(resolve(project, 'lab.db'))) {
    throw new UsageError([
      `project ${project}: there is no project yet; start one with: lab train push-progress`,
    ]);
  }
  const lab = new Lab({ project, mode: 'read', device: options.device });
  try {
    return await work(lab);
  } finally {
    await lab.close();
  }
}

/** Follows runs on stderr until all have ended. */
async function follow(
  lab: Lab,
  runs: readonly { readonly id: number; readonly label: string }[],
): Promise<Run[]> {
  const bars = new Map(runs.map(({ id, label }) => [id, new Progress(label)]));
  let going = true;
  let cursor = 0;
  const watching = (async () => {
    while (going) {
      const news = await lab.events.since(cursor, 1000);
      cursor = news.cursor;
      for (const event of news.events) {
        // One bar moves at a time on a terminal: the first run that is still going.
        if (event.type === 'run' && event.run.status === 'running') bars.get(event.run.id)?.show(event.run);
      }
    }
  })();
  const ended = await Promise.all(runs.map(({ id }) => lab.finished(id)));
  going = false;
  lab.events.close();
  await watching;
  for (const bar of bars.values()) bar.stop();
  for (const run of ended) for (const alert of run.alerts) note(`run ${run.id}: ${alert.message}`);
  return ended;
}

/** A stopped or failed run decides the exit code. */
function endOf(run: Run): number {
  if (run.status === 'done') return 0;
  if (run.status === 'paused') {
    note(`Run ${run.id} is saved; go on with: lab resume ${run.id}`);
    return 130;
  }
  note(`Run ${run.id} ${run.status}: ${run.error ?? 'no reason known'}`);
  return 1;
}

async function showTraining(lab: Lab, id: number, baseline: number | null, json: boolean): Promise<number> {
  const started = performance.now();
  const [run, second] = await follow(lab, [
    { id, label: baseline === null ? '' : `run ${id}` },
    ...(baseline === null ? [] : [{ id: baseline, label: `run ${baseline} (sparse baseline)` }]),
  ]);
  const seconds = (performance.now() - started) / 1000;
  const evaluation = lab.evaluationOf(id);
  const model = lab
    .models()
    .findLast((m) => lab.store.lineage.around(`run:${id}`).some((e) => e.from === `model:${m.id}`));
  const beside = second === undefined ? null : evaluationJson(second, lab.evaluationOf(second.id));
  if (json) {
    printJson({
      ...evaluationJson(run!, evaluation),
      steps: lab.store.checkpoints.latest(id)?.step ?? 0,
      seconds: Math.round(seconds * 10) / 10,
      ...(model === undefined
        ? {}
        : { rewardModel: { id: model.id, method: model.method, hash: model.hash, metrics: model.metrics } }),
      ...(beside === null ? {} : { baseline: beside }),
    });
  } else {
    if (evaluation !== null) print(successLine(`run ${id} (${run!.name})`, evaluation));
    const other = second === undefined ? null : lab.evaluationOf(second.id);
    if (other !== null) print(successLine(`run ${second!.id} (${second!.name})`, other));
    print(`${duration(seconds)}; look at it with: npm start`);
  }
  const code = endOf(run!);
  return code !== 0 || second === undefined ? code : endOf(second);
}

/** The recipe that `--task --algorithm --reward` stand for. */
function recipeFromFlags(flags: { task?: string; algorithm: string; reward: string }): Recipe {
  if (flags.task === undefined) {
    throw new UsageError([`train: wanted a recipe, or --task with one of ${Object.keys(tasks).join(', ')}`]);
  }
  const known = Object.keys(rewards);
  const method = (rewards as Readonly<Record<string, RewardMethod>>)[flags.reward];
  if (method === undefined)
    throw new UsageError([`--reward: unknown reward "${flags.reward}"${nearest(flags.reward, known)}`]);
  return checkRecipe({
    name: `${flags.task}-${flags.reward}`,
    task: flags.task,
    algorithm: flags.algorithm,
    reward:
      method.kind === 'learned'
        ? [{ reward: 'sparse' }, { reward: flags.reward, use: 'shaping' }]
        : [{ reward: flags.reward }],
  });
}

function taskOf(id: string): (typeof tasks)[keyof typeof tasks] {
  const registry: Readonly<Record<string, (typeof tasks)[keyof typeof tasks]>> = tasks;
  if (!Object.hasOwn(registry, id))
    throw new UsageError([`--task: unknown task "${id}"${nearest(id, Object.keys(tasks))}`]);
  return registry[id]!;
}

/** `--set name=value` against one table of fields. @throws UsageError */
function settingsFrom(fields: Parameters<typeof checkSettings>[0], sets: readonly string[], where: string) {
  const given: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const set of sets) {
    const equals = set.indexOf('=');
    if (equals <= 0) {
      problems.push(`--set ${set}: wanted field=value`);
      continue;
    }
    const name = set
      .slice(0, equals)
      .trim()
      .replace(new RegExp(`^${where}\\.`), '');
    const text = set.slice(equals + 1).trim();
    given[name] = Object.hasOwn(fields, name) ? parseFieldText(fields[name]!, text) : text;
  }
  const checked = checkSettings(fields, given, `--set ${where}`);
  problems.push(...checked.problems);
  if (problems.length > 0) throw new UsageError(problems);
  return checked.settings;
}

function program(): { command: Command; exitCode: () => number } {
  let exitCode = 0;
  const command = new Command('lab')
    .description('Reward Lab: simulate, demonstrate, fit a reward model, train, replay, compare.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(--help shows what there is)')
    .configureOutput({ writeErr: (text) => process.stderr.write(text) });

  const common = (name: string, description: string): Command =>
    command
      .command(name)
      .description(description)
      .addOption(new Option('--project <dir>', 'project folder').env('REWARD_LAB_PROJECT'))
      .addOption(
        new Option('--seed <n>', 'seed of everything random').argParser(whole(0, 2 ** 31 - 1)).default(0),
      )
      .addOption(
        new Option('--set <field=value>', 'change a setting (repeatable)')
          .argParser(many)
          .default([], 'none'),
      )
      .addOption(
        new Option('--device <name>', 'which device computes').choices(devices as string[]).default('auto'),
      )
      .option('--json', 'print exactly one JSON object on stdout');

  for (const what of ['tasks', 'rewards', 'algorithms', 'recipes'] as const) {
    common(what, `list the ${what} with every field, default, range and unit`).action((options: Common) => {
      showCatalog(what, options.json === true);
    });
  }

  common('rollout', 'apply given actions from a given start and print every step')
    .requiredOption('--task <task>', 'which task')
    .requiredOption('--actions <file>', "JSON list, one action a step in the task's own units; - reads stdin")
    .option('--state <json>', "start here instead of at --seed: Gymnasium's own vector where there is a twin")
    .action((options: Common & { task: string; actions: string; state?: string }, self: Command) => {
      if (options.state !== undefined && self.getOptionValueSource('seed') === 'cli') {
        throw new UsageError(['rollout: found both --state and --seed, wanted one of them']);
      }
      const task = taskOf(options.task);
      const model = task.create(settingsFrom(task.fields, options.set, 'task'));
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

  common('collect', 'record episodes')
    .requiredOption('--task <task>', 'which task')
    .option('--policy <policy>', 'expert, random, or the id of a checkpoint', 'expert')
    .addOption(new Option('--episodes <n>', 'how many').argParser(whole(1, 1_000_000)).default(60))
    .addOption(
      new Option('--noise <level>', 'most noise on the expert, 0 to 1')
        .argParser((text) => {
          const value = Number(text);
          if (text.trim() === '' || !(value >= 0 && value <= 1))
            throw new InvalidArgumentError('wanted a number from 0 to 1');
          return value;
        })
        .default(0),
    )
    .addOption(
      new Option(
        '--failures <n>',
        'failed episodes beside the demonstrations, so that a reward model sees failure',
      )
        .argParser(whole(0, 1_000_000))
        .default(0),
    )
    .action(async (options: Common & CollectFlags) => {
      const task = taskOf(options.task);
      const taskSettings = settingsFrom(task.fields, options.set, 'task');
      const policy =
        options.policy === 'expert' || options.policy === 'random' ? options.policy : Number(options.policy);
      if (typeof policy === 'number' && !(Number.isInteger(policy) && policy > 0)) {
        throw new UsageError([
          `--policy: found "${options.policy}", wanted expert, random or the id of a checkpoint`,
        ]);
      }
      await withLab(options, async (lab) => {
        if (typeof policy === 'number' && !lab.hasCheckpoint(policy)) {
          throw new UsageError([`--policy: there is no checkpoint ${policy} in this project`]);
        }
        const { id, result } = lab.collect({
          name: `${options.task} by ${typeof policy === 'number' ? `checkpoint ${policy}` : policy}`,
          task: options.task,
          taskVersion: task.version,
          taskSettings,
          seed: options.seed,
          policy,
          noise: options.noise,
          episodes: options.episodes,
          failures: options.failures,
        });
        result.catch(() => undefined);
        const [run] = await follow(lab, [{ id, label: '' }]);
        exitCode = endOf(run!);
        if (exitCode !== 0) return;
        const summary = await result;
        if (options.json === true) printJson({ ...evaluationJson(run!, null), ...summary });
        else print(successLine(`run ${id} (${run!.name})`, summary));
      });
    });

  common('fit', 'fit a reward model from recorded demonstrations')
    .requiredOption('--from <run>', 'the collect run with the demonstrations', runId)
    .option('--method <reward>', 'which learned reward', 'sarm')
    .action(async (options: Common & { from: number; method: string }) => {
      const method = (rewards as Readonly<Record<string, RewardMethod>>)[options.method];
      const learned = Object.values(rewards)
        .filter((r) => r.kind === 'learned')
        .map((r) => r.id);
      if (method?.kind !== 'learned') {
        throw new UsageError([
          `--method: unknown learned reward "${options.method}"${nearest(options.method, learned)}`,
        ]);
      }
      const settings = settingsFrom(method.fields, options.set, options.method);
      await withLab(options, async (lab) => {
        const { id, result } = lab.fit({
          method: options.method,
          settings,
          from: options.from,
          seed: options.seed,
        });
        result.catch(() => undefined);
        const [run] = await follow(lab, [{ id, label: '' }]);
        exitCode = endOf(run!);
        if (exitCode !== 0) return;
        const model = await result;
        if (options.json === true)
          printJson({
            run: id,
            model: model.id,
            method: model.method,
            hash: model.hash,
            metrics: model.metrics,
          });
        else {
          print(`model ${model.id} (${model.method}, ${model.hash})`);
          for (const [name, value] of Object.entries(model.metrics)) print(`  ${name}: ${value.toFixed(4)}`);
        }
      });
    });

  common('train', 'train an agent from a recipe, or from --task --algorithm --reward')
    .argument('[recipe]', 'a recipe by name or file')
    .option('--task <task>', 'which task')
    .option('--algorithm <algorithm>', 'which algorithm', 'ppo')
    .option('--reward <reward>', 'sparse, dense, or a learned reward as shaping on top of sparse', 'sarm')
    .option('--no-baseline', 'leave out the sparse baseline that the recipe asks for')
    .action(
      async (
        recipeName: string | undefined,
        options: Common & { task?: string; algorithm: string; reward: string; baseline: boolean },
      ) => {
        const written = recipeName === undefined ? recipeFromFlags(options) : loadRecipe(recipeName);
        const sets = options.baseline ? options.set : [...options.set, 'experiment.baseline=false'];
        const recipe = applySets(written, sets);
        await withLab(options, async (lab) => {
          const { id, baseline } = lab.start(recipe, options.seed);
          exitCode = await showTraining(lab, id, baseline, options.json === true);
        });
      },
    );

  common('resume', 'go on with a run that was stopped or killed')
    .argument('<run>', 'its id', runId)
    .action(async (id: number, options: Common) => {
      await withLab(options, async (lab) => {
        lab.resume(id);
        exitCode = await showTraining(lab, id, null, options.json === true);
      });
    });

  common('evaluate', 'evaluate the newest policy of a run')
    .argument('<run>', 'its id', runId)
    .addOption(new Option('--episodes <n>', 'how many').argParser(whole(1, 1_000_000)).default(100))
    .action(async (id: number, options: Common & { episodes: number }) => {
      await withLab(options, async (lab) => {
        const evaluation = lab.evaluate(id, options.episodes, options.seed);
        evaluation.result.catch(() => undefined);
        const [run] = await follow(lab, [{ id: evaluation.id, label: '' }]);
        exitCode = endOf(run!);
        if (exitCode !== 0) return;
        const summary = await evaluation.result;
        if (options.json === true) printJson({ ...evaluationJson(run!, summary), evaluatedRun: id });
        else print(successLine(`run ${id}`, summary));
      });
    });

  common('episodes', 'list recorded episodes')
    .option('--run <run>', 'only of this run', runId)
    .addOption(
      new Option('--kind <kind>', 'only of this kind').choices([
        'demonstration',
        'failure',
        'random',
        'training',
        'evaluation',
      ]),
    )
    .addOption(new Option('--limit <n>', 'how many').argParser(whole(1, 1_000_000)).default(20))
    .action(async (options: Common & { run?: number; kind?: 'training'; limit: number }) => {
      await withReader(options, (lab) => {
        const { total, items } = lab.episodes({
          ...(options.run === undefined ? {} : { runId: options.run }),
          ...(options.kind === undefined ? {} : { kind: options.kind }),
          limit: options.limit,
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
              verified: e.verified === null ? '-' : e.verified ? 'yes' : 'DRIFT',
            })),
          ),
        );
        print(`${items.length} of ${total} episodes`);
      });
    });

  common('verify', 'replay stored episodes from seed and actions and compare every state')
    .argument('[episode]', 'its id', runId)
    .option('--all', 'every stored episode')
    .action(async (id: number | undefined, options: Common & { all?: boolean }) => {
      if ((id === undefined) === (options.all !== true))
        throw new UsageError(['verify: wanted one episode id, or --all']);
      await withLab(options, async (lab, stopped) => {
        const ids = id === undefined ? lab.store.episodes.ids() : [id];
        if (id !== undefined && !lab.store.episodes.ids().includes(id)) {
          throw new UsageError([`verify: there is no episode ${id} in this project`]);
        }
        const drifted: { episode: number; driftStep: number | null; message: string }[] = [];
        let steps = 0;
        let done = 0;
        let last = Date.now();
        for (const episode of ids) {
          if (stopped()) break;
          try {
            const { ok, driftStep, message } = lab.verify(episode);
            if (!ok) drifted.push({ episode, driftStep, message });
          } catch (error) {
            drifted.push({ episode, driftStep: null, message: messageOf(error) });
          }
          steps += lab.store.episodes.get(episode).length;
          done++;
          if (Date.now() - last > 2000) {
            last = Date.now();
            note(`verifying  ${done}/${ids.length} episodes`);
            await new Promise((resolveTick) => setImmediate(resolveTick));
          }
        }
        if (options.json === true)
          printJson({ episodes: done, steps, drifted: drifted.length, problems: drifted.slice(0, 100) });
        else {
          for (const { message } of drifted.slice(0, 100)) print(message);
          print(
            `${done} episodes, ${steps} steps replayed; ${drifted.length === 0 ? 'no drift' : `${drifted.length} with drift`}`,
          );
        }
        exitCode = stopped() ? 130 : drifted.length === 0 ? 0 : 1;
      });
    });

  common('runs', 'list the runs').action(async (options: Common) => {
    await withReader(options, (lab) => {
      const runs = lab.runs();
      if (options.json === true) return printJson({ runs });
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
            started: new Date(run.createdAt).toISOString().slice(0, 16).replace('T', ' '),
          })),
        ) || 'No runs yet.',
      );
    });
  });

  common('serve', 'serve the window to this machine only')
    .addOption(new Option('--port <n>', '0 takes any free one').argParser(whole(0, 65_535)).default(0))
    .option('--no-open', 'do not open a browser')
    .action(async (options: Common & { port: number; open: boolean }) => {
      const { serve } = await import('./serve.ts');
      await withLab(options, async (lab, stopped) => {
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

  common('doctor', 'versions, devices, chosen backend and why, health of the database').action(
    async (options: Common) => {
      exitCode = await doctor(projectDirectory(options.project), options.device, options.json === true);
    },
  );

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
      if (json) printJson({ error: error.message });
      return 2;
    }
    if (error instanceof UsageError) return fail(2, error.message);
    if (
      error instanceof StoreBusyError ||
      error instanceof StoreReadOnlyError ||
      error instanceof StoreForeignError
    ) {
      return fail(1, error.message);
    }
    return fail(
      1,
      process.env['REWARD_LAB_DEBUG'] === undefined ? messageOf(error) : String((error as Error).stack),
    );
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
