/* Probability that travels: every arm's old share may go to other arms, at a price per journey. WPO's transport and SPO's
   soft one. gap: what each arm pays less than the best. No drawing here. */

import { risingRoot } from "../maths/distances.js";
import { logSoftmax, sum } from "../maths/plain.js";

/* d(i, j): "line": arms stand at 0, 1, 2, ...; "one": every journey costs 1, and the distance is total variation. */
export const costs = (n, kind) =>
  Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (__, j) => (kind === "one" ? Number(i !== j) : Math.abs(i - j))),
  );

/* max <π, R> over transport plans of cost at most `limit`: the budget goes to the journeys that gain most for their
   price. Every arm's journeys are the corners of its upper hull of gain against price. Gives the price β of the last
   journey, and the arm whose share is split there between two places, unless the budget ends between two journeys. */
export function carry(q, gap, limit, d) {
  const pi = [...q],
    legs = gap.flatMap((_, i) => hull(i, gap, d[i]));
  let left = limit,
    rate = 0;
  for (const leg of legs.sort((a, b) => b.rate - a.rate)) {
    const share = q[leg.source],
      travels = Math.min(share, left / leg.far);
    pi[leg.from] -= travels;
    pi[leg.to] += travels;
    left -= travels * leg.far;
    if (travels > 0) rate = leg.rate;
    if (travels < share) {
      const split = travels > 0 ? { from: leg.from, to: leg.to, of: leg.source, part: travels / share } : null;
      return { pi: pi.map((x) => Math.max(x, 0)), used: true, lambda: rate, split };
    }
  }
  return { pi: pi.map((x, i) => (gap[i] === 0 ? x : 0)), used: false, lambda: 0 };
}

/* The journeys of one arm, each further and each gaining less for its price than the one before. */
function hull(source, gap, price) {
  const legs = [];
  for (let from = source; ;) {
    /** @type {any} */ let leg = null;
    gap.forEach((there, j) => {
      const far = price[j] - price[from],
        rate = (gap[from] - there) / far;
      if (far > 0 && rate > 0 && (!leg || rate > leg.rate || (rate === leg.rate && far > leg.far)))
        leg = { source, from, to: j, far, rate };
    });
    if (!leg) return legs;
    legs.push(leg);
    from = leg.to;
  }
}

/* max <π, R> over plans whose Sinkhorn distance, journeys less entropy over λ, is at most `limit`: every arm's share
   spreads by a softmax of (λ/β) (R - β d). Staying put has distance 0; to spread is paid for by the entropy, so that the
   region is larger than Wasserstein's. 1/β is the unknown; where the radius cannot be used up, β is 0. */
export function soften(q, gap, limit, d, lam) {
  const worth = (s) => d.map((row) => row.map((far, j) => -lam * (s * gap[j] + far)));
  const excess = (s) => {
    const plan = worth(s).map(softmax),
      logs = worth(s).map(logSumExp);
    const middle = plan.map((row) => sum(row.map((share, j) => share * gap[j])));
    const spent = -sum(q.map((share, i) => share * (s * middle[i] + logs[i] / lam)));
    const slope = lam * s * sum(q.map((share, i) => share * sum(plan[i].map((x, j) => x * (gap[j] - middle[i]) ** 2))));
    return [spent - limit, slope];
  };
  const arrived = (plan) => q.map((_, j) => sum(plan.map((row, i) => q[i] * row[j])));
  const least = d.map((row) => row.map((far, j) => (gap[j] === 0 ? -lam * far : -Infinity))); // all on the best arms
  const most = -sum(q.map((share, i) => (share * logSumExp(least[i])) / lam));
  if (limit >= most) return { pi: arrived(least.map(softmax)), used: false, lambda: 0, distance: most };
  let high = 1;
  while (excess(high)[0] < 0) high *= 2;
  const s = risingRoot(excess, 0, high);
  return { pi: arrived(worth(s).map(softmax)), used: true, lambda: 1 / s, distance: limit + excess(s)[0] };
}

function logSumExp(values) {
  const most = Math.max(...values);
  return most + Math.log(sum(values.map((x) => Math.exp(x - most))));
}

const softmax = (values) => logSoftmax(values).map(Math.exp);
