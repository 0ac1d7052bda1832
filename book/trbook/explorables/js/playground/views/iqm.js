/* The interquartile mean of a few runs and its 95 % percentile bootstrap interval, exactly: of n runs there are few
   enough ways to draw n with replacement that all are counted (n = 8: 6435, of which 330 differ in their middle half).
   The same convention as trlab.statistics, without its random resamples. */

import { average } from "../../maths/plain.js";

const tables = new Map();

/* { cut, ways: [[ranks of the middle, probability], ..] } of n runs. */
function table(n) {
  if (tables.has(n)) return tables.get(n);
  const cut = Math.floor(n / 4),
    found = new Map(),
    factorial = [1];
  for (let i = 1; i <= n; i++) factorial.push(factorial[i - 1] * i);
  const ranks = [];
  const go = (rank, left, weight) => {
    if (rank === n - 1 || left === 0) {
      const all = [...ranks, ...Array(left).fill(n - 1)],
        key = all.slice(cut, n - cut).join();
      found.set(key, (found.get(key) ?? 0) + weight / factorial[left]);
      return;
    }
    for (let count = 0; count <= left; count++) {
      for (let i = 0; i < count; i++) ranks.push(rank);
      go(rank + 1, left - count, weight / factorial[count]);
      ranks.length -= count;
    }
  };
  go(0, n, factorial[n] / n ** n);
  const made = { cut, ways: [...found].map(([key, weight]) => [key.split(",").map(Number), weight]) };
  tables.set(n, made);
  return made;
}

const MOST = 10; // runs of which every way is counted

/* The middle half's mean. */
export function iqm(runs) {
  const x = Float64Array.from(runs).sort(),
    cut = Math.floor(x.length / 4);
  return average(x.subarray(cut, x.length - cut));
}

/* [interquartile mean, lower, upper]; the bounds are NaN below three runs. */
export function interval(runs) {
  const x = Float64Array.from(runs).sort(),
    n = x.length,
    mean = iqm(runs);
  if (n < 3 || n > MOST) return [mean, NaN, NaN];
  const { cut, ways } = table(n);
  const width = n - 2 * cut;
  const drawn = ways
    .map(([ranks, weight]) => {
      let total = 0;
      for (const rank of ranks) total += x[rank];
      return [total / width, weight];
    })
    .sort((a, b) => a[0] - b[0]);
  return [mean, quantile(drawn, 0.025), quantile(drawn, 0.975)];
}

function quantile(drawn, share) {
  let below = 0;
  for (const [value, weight] of drawn) {
    below += weight;
    if (below >= share - 1e-12) return value;
  }
  return drawn.at(-1)[0];
}
