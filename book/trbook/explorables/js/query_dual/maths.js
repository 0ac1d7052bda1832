/* The dual of one prompt, whose root the engine finds (trlib.algorithms.quatro.solve_dual): what its targets spend, and
   GRPO's advantages as their first order. */

import { solveDual } from "../maths/dual.js";
import { average } from "../maths/plain.js";

/* { multiplier, target, floored } of a group. A radius of 0 allows the old policy alone: no multiplier is too large. */
export function solve(rewards, s) {
  if (s.delta > 0) return solveDual(rewards, { delta_kl: s.delta, lambda_min: s.lambda_min, direction: s.direction });
  const equal = rewards.every((r) => r === rewards[0]);
  return { multiplier: equal ? 0 : Infinity, target: rewards.map(() => 0), floored: false };
}

/* The divergence of a policy that reaches its targets: KL(π‖μ) backward, KL(μ‖π) forward. */
export const spentOn = (target, direction) =>
  average(target.map((t) => (direction === "forward" ? Math.expm1(t) - t : Math.exp(t) * t - Math.expm1(t))));

/* √(2δ) (R − mean)/σ, σ the population's: GRPO's advantage, and the targets to first order in √δ. */
export function firstOrder(rewards, delta) {
  const middle = average(rewards),
    spread = Math.sqrt(average(rewards.map((r) => (r - middle) ** 2)));
  return rewards.map((r) => (spread > 0 ? (Math.sqrt(2 * delta) * (r - middle)) / spread : 0));
}

/* The most that KL(π ‖ μ) of a group can be: all of it on its best completions. */
export const reach = (rewards) => Math.log(rewards.length / rewards.filter((r) => r === Math.max(...rewards)).length);
