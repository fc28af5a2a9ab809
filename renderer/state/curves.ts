/** What the curves panel works out from metrics. Pure. */

/** Exponential mean with bias correction, as people know it from other dashboards; `past` = 0 changes nothing. */
export function smooth(values: readonly number[], past: number): number[] {
  if (past <= 0) return [...values];
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    sum = past * sum + (1 - past) * value;
    weight = past * weight + (1 - past);
    return sum / weight;
  });
}

/** Of self-play what its success is: games won against opponents that stay as they are. */
const wanted = [
  /success/,
  /^win\/[^/]+\/(scripted-100|untrained)$/,
  /progress/,
  /return/,
  /^reward/,
  /^loss/,
  /entropy/,
  /kl/,
];

/** Success, games won and returns first (truth beside proxy), then losses; six at most. */
export function defaultMetrics(names: readonly string[]): string[] {
  const chosen: string[] = [];
  for (const pattern of wanted) {
    for (const name of names) {
      if (pattern.test(name) && !chosen.includes(name) && chosen.length < 6) chosen.push(name);
    }
  }
  return chosen.length > 0 ? chosen : names.slice(0, 6);
}
