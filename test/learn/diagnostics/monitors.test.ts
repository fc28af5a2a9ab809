import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type MonitorAlert, Monitors } from '../../../learn/diagnostics/monitors.ts';
import { TermSums, type TermTotals, termMetrics } from '../../../learn/diagnostics/term-sums.ts';

type Values = Readonly<Record<string, number>>;

interface Row {
  readonly values: Values;
  readonly totals?: TermTotals;
}

const options = { terms: ['task/near', 'task/success'], actionDim: 2, gamma: 0.98 };

/** What is said, and at which row; a row is 1000 steps. */
function said(rows: readonly Row[], monitors = new Monitors(options), first = 0): [number, string][] {
  return rows.flatMap(({ values, totals }, i) =>
    monitors
      .observe((first + i) * 1000, values, totals)
      .map(({ step, level, message }): [number, string] => [step / 1000, `${level}: ${message}`]),
  );
}

/** One metric as it goes on, the others as they are. */
const series = (name: string, values: readonly number[], others: Values = {}): Row[] =>
  values.map((value) => ({ values: { ...others, [name]: value } }));

const times = (n: number, value: number): number[] => new Array<number>(n).fill(value);

/** Asserts that exactly these rows raise an alert like this. */
function raises(rows: readonly Row[], at: readonly number[], wanted: RegExp, monitors?: Monitors): void {
  const found = said(rows, monitors);
  assert.deepEqual(
    found.map(([row]) => row),
    at,
    JSON.stringify(found),
  );
  for (const [, text] of found) assert.match(text, wanted);
}

test('a KL spike is said once, and again after it had clearly ended', () => {
  const kl = [...times(12, 0.01), 0.2, 0.3, 0.04, 0.2, ...times(3, 0.01), 0.25, 0.01];
  raises(
    series('policy/kl', kl),
    [12, 19],
    /^warning: One update moved the policy by 0\.2\d? nats \(policy\/kl; alarm above 0\.05\d*\).*Try: a lower learningRate/,
  );
  raises(series('policy/kl', times(30, 0.03)), [], /./);
});

test('a policy that stops varying its actions is reported, unless it knows its task', () => {
  // A deviation of 0.04 for each of two components: 2 (1.419 + ln 0.04) = -3.6 nats.
  const falling = [2, 1, 0, -1, -2, ...times(8, -3.6), ...times(3, 0), ...times(4, -3.6)];
  const failing = { 'rollout/success': 0.1, 'rollout/return': 1, 'rollout/episodes': 50 };
  const able = { ...failing, 'rollout/success': 0.95 };
  raises(
    series('policy/entropy', falling, failing),
    [7, 18],
    /hardly varies its actions.*at 10 % success.*entropyCoef/,
  );
  raises(series('policy/entropy', falling, able), [], /./);
  // Two components of 4 and 3 options have at most ln 4 + ln 3 = 2.48 nats; the alarm is at a twentieth, 0.124.
  const choosing = (): Monitors => new Monitors({ ...options, choices: [4, 3] });
  raises(series('policy/entropy', times(9, 0.13)), [], /./, choosing());
  raises(series('policy/entropy', times(9, 0.12)), [2], /alarm below 0\.1242/, choosing());
});

test('a critic that explodes is told from one that sees its first rewards', () => {
  const loss = [...times(15, 0.1), ...times(5, 40), ...times(8, 0.1), ...times(5, 40)];
  const wrong = (explained: number): Row[] =>
    series('loss/value', loss, { 'value/explainedVariance': explained });
  raises(wrong(-20), [16, 29], /^error: The critic explodes: its loss is 40, 400 times the usual/);
  raises(wrong(0), [], /./);
  // Rewards of at most 1 and gamma 0.98: no return is larger than 50.
  const totals = { ...none(), largest: 1 };
  const values = [...times(5, 40), 80, 120, 300, ...times(5, 30), 120, 130];
  const rows = series('value/mean', values).map((row) => ({ ...row, totals }));
  raises(rows, [7, 14], /expects returns of (300|130), and none can be larger than 50/);
});

test('a gradient that explodes is compared with the usual one', () => {
  const norms = [...times(20, 0.5), 30, 20, 40, ...times(5, 0.7), 40, 40];
  raises(series('learn/gradientNorm', norms), [21, 29], /^warning: The gradient explodes.*3\d|40/);
  raises(series('learn/gradientNorm', [...times(20, 0.5), 30, 0.5, 30, 0.5]), [], /./);
});

test('dead and saturated units are said with their share', () => {
  raises(
    series('policy/deadUnits', [0, 0.4, 0.6, 0.8, 0.45, 0.2, 0.55]),
    [2, 6],
    /(60|55) % .* they are dead/,
  );
  raises(series('policy/saturatedUnits', [0.1, 0.7, 0.7]), [1], /70 % .* end of their range/);
});

const none = (): TermTotals => ({
  steps: 1000,
  raw: new Float64Array(2),
  absolute: new Float64Array(2),
  signed: new Float64Array(2),
  largest: 0,
});
const paying = (near: number, success: number): Row => {
  const sums = Float64Array.of(near, success);
  return { values: {}, totals: { steps: 1000, raw: sums, absolute: sums, signed: sums, largest: 1 } };
};

test('a term that drowns the others is named once they have had their time', () => {
  const rows = [
    ...new Array<Row>(10).fill(paying(500, 0)),
    ...new Array<Row>(40).fill(paying(500, 5)),
    ...new Array<Row>(40).fill(paying(100, 100)),
    ...new Array<Row>(60).fill(paying(500, 5)),
  ];
  const found = said(rows);
  assert.equal(found.length, 2, JSON.stringify(found));
  // Twenty rows after the other term has begun to pay.
  assert.equal(found[0]![0], 29);
  assert.match(
    found[0]![1],
    /^warning: Reward term task\/near makes up (99|100) % of all reward.*Try: a lower weight/,
  );
  const shaping = new Monitors({ ...options, terms: ['shaping/sarm', 'task/success'] });
  assert.deepEqual(said(rows, shaping), []);
});

test('a term that has never moved is mentioned once, after 100,000 steps', () => {
  const rows = new Array<Row>(150).fill(paying(500, 0));
  raises(rows, [99], /^info: Reward term task\/success has been 0 in all 100000 steps so far/);
  const late = [...rows.slice(0, 80), paying(500, 1), ...rows];
  raises(late, [], /./);
});

const rollout = (success: number, paid: number, more: Values = {}): Row => ({
  values: { 'rollout/success': success, 'rollout/return': paid, 'rollout/episodes': 50, ...more },
});
const many = (n: number, row: Row): Row[] => new Array<Row>(n).fill(row);

test('success that is lost after it had been high is reported once, and again after it has come back', () => {
  const rows = [...many(5, rollout(0, 0)), ...many(10, rollout(0.9, 50)), ...many(10, rollout(0.1, 5))];
  const found = said([...rows, ...many(10, rollout(0.9, 50)), ...many(10, rollout(0.1, 5))]);
  assert.equal(found.length, 2, JSON.stringify(found));
  assert.match(
    found[0]![1],
    /^warning: What was learnt is being lost: success in training fell from 90 % to \d+ %/,
  );
  assert.ok(found[0]![0] > 15 && found[0]![0] < 22, `row ${found[0]![0]}`);
  // Low from the start is no loss.
  assert.deepEqual(said(many(40, rollout(0.1, 5))), []);
});

test('a return that rises while true success falls is called hacked; one that falls with it is not', () => {
  const good = [...many(5, rollout(0, 0)), ...many(10, rollout(0.6, 50))];
  const hacked = said([...good, ...many(10, rollout(0.1, 120))]);
  assert.equal(hacked.length, 1, JSON.stringify(hacked));
  assert.match(
    hacked[0]![1],
    /^error: The reward may be hacked: true success fell from 60 % to \d+ % while the mean return went from (50|49\.\d+) to/,
  );
  assert.deepEqual(said([...good, ...many(10, rollout(0.1, 20))]), []);
});

test('true progress shows hacking where nobody has ever succeeded', () => {
  const rows = [
    ...many(5, rollout(0, 0, { 'rollout/progress': 0 })),
    ...many(10, rollout(0, 30, { 'rollout/progress': 0.5 })),
    ...many(10, rollout(0, 90, { 'rollout/progress': 0.1 })),
  ];
  const found = said(rows);
  assert.equal(found.length, 1, JSON.stringify(found));
  assert.match(found[0]![1], /true progress fell from 50 % to/);
});

test('an invalid term is said once while it goes on, by name', () => {
  const monitors = new Monitors(options);
  const say = (step: number, term?: string): MonitorAlert | undefined =>
    monitors.invalid(step, term, `reward term ${term} is NaN in world ${step % 7}`);
  assert.deepEqual(say(3, 'task/near'), {
    level: 'warning',
    message: 'reward term task/near is NaN in world 3',
    step: 3,
  });
  assert.equal(say(4, 'task/near'), undefined);
  assert.ok(say(4), 'the simulated state is another matter');
  for (let i = 0; i < 19; i++) monitors.observe(i, {});
  assert.equal(say(5, 'task/near'), undefined, 'it was on all the time');
  for (let i = 0; i < 20; i++) monitors.observe(i, {});
  assert.ok(say(6, 'task/near'), 'it had ended');
});

test('many diverged episodes are reported; nothing but diverged ones ends the run', () => {
  const monitors = new Monitors(options);
  monitors.invalid(0, 'task/near', 'reward term task/near is NaN in world 3');
  const share = (value: number): Row => ({ values: { 'rollout/diverged': value, 'rollout/episodes': 8 } });
  raises(
    [share(0), share(0.1), ...many(8, share(0.7)), ...many(4, share(0)), ...many(4, share(0.6))],
    [4, 16],
    /(70|60) % of the episodes diverge/,
  );
  assert.throws(
    () => said(many(20, share(1)), monitors),
    /^Error: Every episode diverges \(the last 80 of them, up to step 9000\).*Not finite: reward term task\/near/,
  );
  assert.equal(said(many(300, share(0.99))).length, 1, 'while some get through, the run goes on');
});

test('a metric that is not finite stops the run by its name', () => {
  for (const value of [Number.NaN, Infinity]) {
    assert.throws(
      () => new Monitors(options).observe(4096, { 'loss/policy': 0.1, 'loss/value': value }),
      new RegExp(`^Error: Metric loss/value is ${value} after 4096 steps, wanted a finite number`),
    );
  }
});

interface Curve {
  readonly name: string;
  readonly terms: readonly string[];
  readonly gamma: number;
  readonly actionDim: number;
  readonly choices: readonly number[];
  readonly stepsPerRow: number;
  readonly metrics: Readonly<Record<string, readonly (number | null)[]>>;
  readonly absolute: readonly (readonly number[])[];
  readonly largest: readonly number[];
}

/**
 * Recorded on 28 November 2026 from trainings with PPO's defaults (what was set is in `title`), four digits each: curves
 * as they are when nothing is wrong; and of `broken`, when the learning rate is fifty times too high.
 */
const curves = readFileSync(new URL('./curves.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Curve);

const rowsOf = ({ metrics, absolute, largest, stepsPerRow }: Curve): Row[] =>
  largest.map((most, i) => {
    const sums = Float64Array.from(absolute, (term) => term[i]!);
    const values = Object.entries(metrics).flatMap(([name, all]) =>
      all[i] === null || all[i] === undefined ? [] : [[name, all[i]] as const],
    );
    return {
      values: Object.fromEntries(values),
      totals: { steps: stepsPerRow, raw: sums, absolute: sums, signed: sums, largest: most },
    };
  });

test('ordinary curves of six tasks raise no alarm; a hopeless learning rate does', () => {
  assert.ok(curves.length === 7);
  for (const curve of curves) {
    const found = said(rowsOf(curve), new Monitors(curve)).filter(([, text]) => !text.startsWith('info'));
    if (curve.name === 'broken') {
      assert.match(found.map(([, text]) => text).join(), /moved the policy by/);
      assert.equal(found.length, 1);
    } else {
      assert.deepEqual(found, [], curve.name);
    }
  }
});

test('monitors that were saved and restored say what uninterrupted ones say', () => {
  const rows = [
    ...many(12, { ...paying(500, 1), values: { 'policy/kl': 0.01, 'rollout/diverged': 0 } }),
    ...many(3, { values: { 'policy/kl': 0.4, 'learn/gradientNorm': 1, 'rollout/diverged': 0.6 } }),
    ...many(14, rollout(0.9, 10, { 'learn/gradientNorm': 1 })),
    ...many(25, { ...paying(500, 1), values: rollout(0.1, 40, { 'learn/gradientNorm': 90 }).values }),
  ];
  const whole = said(rows);
  assert.ok(whole.length >= 4, JSON.stringify(whole));
  for (let cut = 0; cut < rows.length; cut++) {
    const first = new Monitors(options);
    const before = said(rows.slice(0, cut), first);
    const second = new Monitors(options);
    second.restore(first.save());
    assert.deepEqual([...before, ...said(rows.slice(cut), second, cut)], whole, `cut at row ${cut}`);
  }
  const other = new Monitors({ ...options, terms: ['task/near'] });
  assert.throws(
    () => other.restore(new Monitors(options).save()),
    /RangeError: Monitors: saved state of \d+ numbers, wanted \d+ for 1 reward terms/,
  );
});

test('sums of terms add sizes and signs, leave out what is not finite, and begin anew once taken', () => {
  const sums = new TermSums(2, 3);
  // [terms, worlds]
  sums.add(Float64Array.of(1, -2, Number.NaN, 4, 0, -4), Float64Array.of(10, 0.5));
  sums.add(Float64Array.of(0, 0, 7, 0, 0, 1), Float64Array.of(10, 0.5), Uint8Array.of(0, 0, 1));
  const totals = sums.take();
  assert.deepEqual(totals, {
    steps: 5,
    raw: Float64Array.of(3, 8),
    absolute: Float64Array.of(30, 4),
    signed: Float64Array.of(-10, 0),
    largest: 20,
  });
  assert.deepEqual(termMetrics(['near', 'calm'], totals), { 'reward/near': -2, 'reward/calm': 0 });
  assert.equal(sums.take().steps, 0);
});
