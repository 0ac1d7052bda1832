/* What a contest's runs say: interquartile means with their intervals, and differences to PPO in the same engine, pair
   by pair of seeds. */

import { interval } from "../playground/views/iqm.js";

export const MEASURES = ["end", "take_off"];

/* The quantile of Student's t with seven degrees of freedom that makes 6 intervals hold together with 95 %: 3 rates and
   2 measures (Bonferroni). For eight pairs; of fewer pairs nothing is said. */
const QUANTILE = 3.6358,
  PAIRS = 8;

const mean = (values) => values.reduce((total, x) => total + x, 0) / values.length;

/* The mean difference of pairs with its interval, { value, low, high }, and whether that leaves out 0. */
export function difference(ours, theirs) {
  const apart = ours.map((x, i) => x - theirs[i]),
    value = mean(apart);
  if (apart.length !== PAIRS) return { value, low: NaN, high: NaN, certain: false };
  const deviation = Math.sqrt(apart.reduce((total, x) => total + (x - value) ** 2, 0) / (PAIRS - 1)),
    half = (QUANTILE * deviation) / Math.sqrt(PAIRS);
  return { value, low: value - half, high: value + half, certain: value - half > 0 || value + half < 0 };
}

/* runs: { rate, seed, take_off, end }. A row for every rate that has runs, against PPO's runs with the same seeds. */
export function summary(rates, runs, reference) {
  return rates
    .map((rate) => {
      const ours = runs.filter((run) => run.rate === rate).sort((a, b) => a.seed - b.seed);
      const theirs = ours.map(({ seed }) => reference.find((run) => run.rate === rate && run.seed === seed));
      if (!ours.length) return null;
      const of = (name) => ({
        ours: interval(ours.map((run) => run[name])),
        theirs: interval(theirs.map((run) => run[name])),
        ...difference(
          ours.map((run) => run[name]),
          theirs.map((run) => run[name]),
        ),
      });
      return {
        rate,
        count: ours.length,
        stopped: ours.filter((run) => run.stopped).length,
        worst: Math.min(...ours.map((run) => run.end)),
        ...Object.fromEntries(MEASURES.map((name) => [name, of(name)])),
      };
    })
    .filter(Boolean);
}

/* Places of the points [x, y] that no other beats in one coordinate without losing in the other: trlab.basin.frontier. */
export function frontier(points) {
  const beaten = ([x, y]) => points.some(([a, b]) => a >= x && b >= y && (a > x || b > y));
  return points.flatMap((point, i) => (beaten(point) ? [] : [i]));
}
