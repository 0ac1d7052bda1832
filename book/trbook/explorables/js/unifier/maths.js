/* max E_π[R] subject to distance(π, q) ≤ radius, for a bandit of a few arms: one exact solution for each distance.
   q: old policy, every share above 0; rewards: one an arm; delta: the KL radius that all radii belong to. Two cards
   ask otherwise: `target` for a return in place of a radius, `ppo` for what a clipped loss leaves open.
   A solution is { pi, used, ... }: used is false where the radius is beyond what can be used, with all probability on
   the best arm and a multiplier of 0. No drawing here. */

import { distance, mean, radius, risingRoot, variance } from "../maths/distances.js";
import { sum } from "../maths/plain.js";
import { carry, costs, soften } from "./transport.js";

const solvers = {
  kl_new_old: tilt,
  kl_old_new: hyperbola,
  chi2: line,
  tv: move,
  ratio: box,
  euclid,
  fisher: step,
  ppo: clipped,
  wasserstein: (q, gap, limit, best, { cost }) => carry(q, gap, limit, costs(q.length, cost)),
  entropic: (q, gap, limit, best, { cost, lam }) => soften(q, gap, limit, costs(q.length, cost), lam),
  target: (q, gap, limit, best, { target }) => aim(q, gap, target, best),
};
export const KEYS = Object.keys(solvers);

/* Whose radius a card has that no distance is named after. */
const UNIT = { entropic: "wasserstein", ppo: "ratio" };
export const limitOf = (key, delta, n) => radius(UNIT[key] ?? key, delta, n);

/* How far p is from q, where a journey's price may be the same everywhere: that transport distance is TV. */
export const spentIn = (key, p, q, cost) => distance[key === "wasserstein" && cost === "one" ? "tv" : key](p, q);

/* more: cost of a journey ("line": the places between, "one": 1 wherever it leads), lam of the Sinkhorn distance,
   target. */
export function solve(key, q, rewards, delta, more = {}) {
  const best = Math.max(...rewards),
    gap = rewards.map((reward) => best - reward);
  const given = { cost: "line", lam: 5, target: best, ...more };
  const solution = gap.every((x) => x === 0)
    ? { pi: q, used: true, flat: true }
    : solvers[key](q, gap, limitOf(key, delta, q.length), best, given);
  const { pi } = solution;
  return {
    key,
    ...solution,
    gain: sum(pi.map((share, i) => (q[i] - share) * gap[i])),
    ratio: pi.map((share, i) => share / q[i]),
  };
}

/* Everything on the best arm; on several in proportion to the old policy. */
function onBest(q, gap) {
  const share = sum(q.filter((_, i) => gap[i] === 0));
  return { pi: q.map((x, i) => (gap[i] === 0 ? x / share : 0)), used: false, lambda: 0 };
}
const bestShare = (q, gap) => sum(q.filter((_, i) => gap[i] === 0));

/* KL(new || old): π = q exp((R - m)/λ), an exponential tilt. The root is sought in log 1/λ, where log KL is close to a
   straight line; by Hoeffding's lemma KL ≤ (span/λ)²/8 bounds it from below. */
function tilt(q, gap, delta, best) {
  if (delta >= -Math.log(bestShare(q, gap))) return onBest(q, gap);
  const at = (x) => tilted(q, gap, Math.exp(x));
  const excess = (x) => {
    const pi = at(x),
      spent = distance.kl_new_old(pi, q);
    return [Math.log(spent / delta), (Math.exp(2 * x) * variance(pi, gap)) / spent];
  };
  const x = rootAbove(excess, Math.log(Math.sqrt(8 * delta) / Math.max(...gap))),
    lambda = Math.exp(-x),
    pi = at(x);
  return { pi, used: true, ...exponential(q, gap, lambda, best) };
}

/* r = exp((R - offset)/λ), with the offset that makes its mean 1 under q. */
function exponential(q, gap, lambda, best) {
  const shrunk = gap.map((away) => Math.exp(-away / lambda)),
    offset = best + lambda * Math.log(mean(q, shrunk));
  return { lambda, offset, curve: (reward) => Math.exp((reward - offset) / lambda) };
}

function tilted(q, gap, slope) {
  const least = slope < 0 ? Math.max(...gap) : 0; // so that no power overflows
  const lifted = q.map((share, i) => share * Math.exp(-slope * (gap[i] - least))),
    total = sum(lifted);
  return lifted.map((share) => share / total);
}

/* A return in place of a radius: min KL(new || old) subject to E_π[R] = target. π = q exp(η R)/Z again, η below 0 where
   the target is below the old return. */
function aim(q, gap, target, best) {
  const wanted = best - target,
    worst = Math.max(...gap);
  if (wanted <= 0) return onBest(q, gap);
  if (wanted >= worst)
    return {
      ...onBest(
        q,
        gap.map((away) => worst - away),
      ),
      worst: true,
    };
  const excess = (slope) => {
    const pi = tilted(q, gap, slope);
    return [wanted - mean(pi, gap), variance(pi, gap)];
  };
  let width = 1 / worst;
  const way = excess(0)[0] < 0 ? 1 : -1;
  while (way * excess(way * width)[0] < 0) width *= 2;
  const slope = risingRoot(excess, Math.min(0, way * width), Math.max(0, way * width)),
    pi = tilted(q, gap, slope);
  const i = gap.indexOf(0),
    still = Math.abs(slope) * worst < 1e-7; // the target is the old return
  const offset = still ? target : best - Math.log(pi[i] / q[i]) / slope;
  return { pi, used: true, slope, offset, curve: (reward) => Math.exp(slope * (reward - offset)) };
}

const TINY = 1e-300;
/* KL(old || new): π = q λ/(ν - R) with ν above every reward. g = ν - max R is the unknown, sought in -log g. Where g is
   smaller than a number can be, so is what the other arms keep. */
function hyperbola(q, gap, delta, best) {
  const at = (x) => {
    const g = Math.max(Math.exp(-x), TINY),
      near = gap.map((away) => 1 / (g + away)),
      lambda = 1 / mean(q, near);
    return { g, near, lambda, pi: q.map((share, i) => share * lambda * near[i]) };
  };
  const excess = (x) => {
    const { g, near, lambda, pi } = at(x),
      spent = distance.kl_old_new(pi, q);
    return g === TINY
      ? [1, NaN]
      : [
          Math.log(spent / delta),
          (g *
            (lambda *
              mean(
                q,
                near.map((y) => y * y),
              ) -
              mean(q, near))) /
            spent,
        ];
  };
  const { g, lambda, pi } = at(rootAbove(excess, Math.log(Math.expm1(Math.sqrt(8 * delta)) / Math.max(...gap))));
  return { pi, used: true, lambda, offset: best + g, curve: (reward) => lambda / (best + g - reward) };
}

/* The root of a rising function above a place where it is not yet positive. */
function rootAbove(excess, low) {
  let width = 1;
  while (excess(low + width)[0] < 0) width *= 2;
  return risingRoot(excess, low, low + width, low + width / 2);
}

/* χ²(new || old): π = q max(0, (R - ν)/λ), a straight line, cut at 0. On the arms it keeps (mass m, mean gap μ,
   variance v of the gap) χ² = limit says (s - μ)² = v/(m (1 + limit) - 1), s = max R - ν. */
function line(q, gap, limit, best) {
  if (limit >= 1 / bestShare(q, gap) - 1) return onBest(q, gap);
  const order = [...gap.keys()].sort((a, b) => gap[a] - gap[b]);
  for (let kept = order.length; kept > 0; kept--) {
    const arms = order.slice(0, kept),
      mass = sum(arms.map((i) => q[i])),
      shares = arms.map((i) => q[i] / mass);
    const gaps = arms.map((i) => gap[i]),
      middle = mean(shares, gaps);
    const s = middle + Math.sqrt(variance(shares, gaps) / (mass * (1 + limit) - 1));
    if (s < gaps[kept - 1]) continue;
    const lambda = mass * (s - middle);
    return {
      pi: q.map((share, i) => (share * Math.max(0, s - gap[i])) / lambda),
      used: true,
      lambda,
      offset: best - s,
      curve: (reward) => Math.max(0, reward - best + s) / lambda,
    };
  }
  return onBest(q, gap);
}

/* Arms of equal reward together, the best first. */
function groups(gap) {
  return [...new Set(gap)].sort((a, b) => a - b).map((value) => [...gap.keys()].filter((i) => gap[i] === value));
}

/* TV: probability moves from the worst arms to the best, and nothing else changes. */
function move(q, gap, limit) {
  const [top, ...others] = groups(gap),
    share = sum(top.map((i) => q[i])),
    pi = [...q];
  let left = Math.min(limit, 1 - share);
  top.forEach((i) => {
    pi[i] += (left * q[i]) / share;
  });
  if (limit >= 1 - share) return onBest(q, gap);
  for (const arms of others.reverse()) {
    const held = sum(arms.map((i) => q[i])),
      taken = Math.min(left, held);
    arms.forEach((i) => {
      pi[i] = q[i] * (1 - taken / held);
    });
    left -= taken;
  }
  return { pi, used: true };
}

/* |r - 1| ≤ ε: every arm at one end of its box, the best at 1 + ε, the worst at 1 - ε; one group in between pays. */
function box(q, gap, limit) {
  const low = Math.max(0, 1 - limit),
    pi = q.map((share) => share * low);
  let left = 1 - low;
  for (const arms of groups(gap)) {
    const held = sum(arms.map((i) => q[i])),
      given = Math.min(left, held * (1 + limit - low));
    arms.forEach((i) => {
      pi[i] += (q[i] * given) / held;
    });
    left -= given;
  }
  return { pi, used: bestShare(q, gap) * (1 + limit) < 1 || limit < 1, levels: [low, 1 + limit] };
}

/* PPO's clipped objective, Σ q min(r A, clip(r) A) with A = R less the old policy's mean. Past the window on the
   update's side it is flat, so its best policies are a set, and this is the one of them that gains most: the better arms
   get 1 + ε, the worse ones nothing, and the best arm all that is left. least: the smallest share of the best arm at
   the same objective. */
function clipped(q, gap, eps) {
  const middle = mean(q, gap),
    all = groups(gap),
    pi = q.map(() => 0);
  const better = all.filter(([i]) => gap[i] < middle),
    held = (arms) => sum(arms.map((i) => q[i]));
  let left = 1;
  for (const arms of better) {
    const given = Math.min(left, held(arms) * (1 + eps));
    arms.forEach((i) => {
      pi[i] += (q[i] * given) / held(arms);
    });
    left -= given;
  }
  const [top] = all,
    given = sum(top.map((i) => pi[i])),
    worse = all.slice(better.length).flat();
  const room =
    better.length > 1 || worse.some((i) => gap[i] === middle) ? Infinity : held(worse) * Math.max(0, 1 - eps);
  top.forEach((i) => {
    pi[i] += (q[i] * left) / held(top);
  });
  return { pi, used: true, least: given + Math.max(0, left - room), levels: [Math.max(0, 1 - eps), 1 + eps] };
}

/* PPO's clipped objective of a policy. */
export function clippedObjective(pi, q, rewards, eps) {
  const middle = mean(q, rewards);
  return sum(
    pi.map((share, i) => {
      const r = share / q[i],
        advantage = rewards[i] - middle;
      return q[i] * Math.min(r * advantage, Math.min(1 + eps, Math.max(1 - eps, r)) * advantage);
    }),
  );
}

/* Euclid: π = max(0, q + c (R - ν)). Few arms: every set that keeps some probability is tried, the best that is
   possible is the optimum. */
function euclid(q, gap, limit) {
  let best = null;
  for (let set = 1; set < 1 << q.length; set++) {
    const kept = q.map((_, i) => Boolean(set & (1 << i))),
      size = kept.filter(Boolean).length;
    const lost = sum(q.filter((_, i) => !kept[i])),
      middle = sum(gap.filter((_, i) => kept[i])) / size;
    const spread = sum(gap.map((away, i) => (kept[i] ? (away - middle) ** 2 : 0)));
    const rest = limit ** 2 - sum(q.map((share, i) => (kept[i] ? 0 : share ** 2))) - lost ** 2 / size;
    if (rest < 0) continue;
    const c = spread > 0 ? Math.sqrt(rest / spread) : 0;
    const pi = q.map((share, i) => (kept[i] ? share + lost / size + c * (middle - gap[i]) : 0));
    if (pi.some((share) => share < -1e-15)) continue;
    const cost = mean(pi, gap);
    if (!best || cost < best.cost) best = { pi: pi.map((share) => Math.max(share, 0)), cost, slope: c };
  }
  return best.cost > 0 ? { pi: best.pi, used: true, slope: best.slope } : { ...best, used: false, lambda: 0 };
}

/* The natural gradient's step, ½ Var_q(log r) ≤ δ with the gain taken to first order: log r = ρ (R - mean)/σ + a
   constant. An exponential tilt whose λ = σ/√(2δ) is not solved for. */
function step(q, gap, delta, best) {
  const lambda = Math.sqrt(variance(q, gap) / (2 * delta)),
    pi = tilted(q, gap, 1 / lambda);
  return { pi, used: true, ...exponential(q, gap, lambda, best) };
}
