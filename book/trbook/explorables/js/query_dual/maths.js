/* The dual of one prompt around its root, which the engine finds (trlib.algorithms.quatro.solve_dual): its curve, the
   divergence that each multiplier spends, and GRPO's advantages as the first order of the targets. */

import { solveDual } from "../../engine/js/quatro.js";

const mean = (values) => values.reduce((total, x) => total + x, 0) / values.length;

/* { multiplier, target, floored } of a group. A radius of 0 allows the old policy alone: no multiplier is too large. */
export function solve(rewards, s) {
  if (s.delta > 0) return solveDual(rewards, { delta_kl: s.delta, lambda_min: s.lambda_min, direction: s.direction });
  const equal = rewards.every((r) => r === rewards[0]);
  return { multiplier: equal ? 0 : Infinity, target: rewards.map(() => 0), floored: false };
}

/* Backward, the tilt exp(R/λ) with its mean divided out; forward, λ/(ν − R) with the ν that gives it the mean 1. */
export function atMultiplier(rewards, multiplier, delta, direction) {
  const most = Math.max(...rewards),
    gap = rewards.map((r) => most - r);
  if (direction === "forward") {
    const g = offset(gap, multiplier),
      target = gap.map((x) => Math.log(multiplier) - Math.log(g + x));
    const spent = mean(target.map((t) => Math.expm1(t) - t));
    return { target, spent, dual: most + g - multiplier + multiplier * (mean(target) + delta) };
  }
  const whole = Math.log(mean(gap.map((x) => Math.exp(-x / multiplier)))),
    target = gap.map((x) => -x / multiplier - whole);
  const spent = mean(target.map((t) => Math.exp(t) * t - Math.expm1(t)));
  return { target, spent, dual: most + multiplier * (whole + delta) };
}

/* g = ν − max R, between the share of best completions times λ and λ itself. */
function offset(gap, multiplier) {
  let low = (multiplier * gap.filter((x) => x === 0).length) / gap.length,
    high = multiplier;
  for (let pass = 0; pass < 60 && high - low > 1e-16 * high; pass++) {
    const g = 0.5 * (low + high);
    if (mean(gap.map((x) => multiplier / (g + x))) > 1) low = g;
    else high = g;
  }
  return 0.5 * (low + high);
}

/* √(2δ) (R − mean)/σ, σ the population's: GRPO's advantage, and the targets to first order in √δ. */
export function firstOrder(rewards, delta) {
  const middle = mean(rewards),
    spread = Math.sqrt(mean(rewards.map((r) => (r - middle) ** 2)));
  return rewards.map((r) => (spread > 0 ? (Math.sqrt(2 * delta) * (r - middle)) / spread : 0));
}

/* The mean reward of the policy that reaches its targets. */
export const rewardAt = (rewards, target) => mean(rewards.map((r, i) => r * Math.exp(target[i])));
/* The most that KL(π ‖ μ) of a group can be: all of it on its best completions. */
export const reach = (rewards) => Math.log(rewards.length / rewards.filter((r) => r === Math.max(...rewards)).length);
