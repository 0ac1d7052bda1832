/* The objectives that no line says: of a prompt's or a batch's completions, or with a price that moves. One is a function
   of a completion as in own.js; what it must know of more than it comes with its argument, under a name of its own. */

import { sum } from "../../js/maths/plain.js";
import { capped, own } from "./own.js";

const STEP = 0.05; // by which BAPO's bounds rise
const ratioOf = (p, old) => Math.exp(capped(p - old));
const weigh = (logp, weight, kept = true) => ({ weight: logp.map(weight), kept: logp.map(() => kept) });

/* QUATRO: w = r (λ target - λ l),  l the completion's log-ratio, λ and target from its prompt's dual (`maths/dual.js`) */
export const quatro =
  () =>
  ({ logp, old, multiplier, target }) => {
    const whole = sum(logp.map((p, t) => p - old[t]));
    return weigh(logp, (p, t) => ratioOf(p, old[t]) * (multiplier * target - multiplier * whole), multiplier > 0);
  };

/* BAPO's window of a minibatch, { window: [low, high] }: first the lower bound rises, then the upper, until the tokens
   with A > 0 count `target` times as much as the others. completions: all that count, as objectives take them. */
export const survey =
  ({ low, low_most: lowMost, high, high_most: highMost, target, count }) =>
  (completions) => {
    const tokens = completions.flatMap(({ logp, old, advantage: a }) => logp.map((p, t) => [ratioOf(p, old[t]), a]));
    const counted = {
      value: ([r, a], lo, hi) => (a > 0 ? Math.min(r, hi) : Math.max(r, lo)) * a,
      gradient: ([r, a], lo, hi) => ((a > 0 ? r <= hi : r >= lo) ? r * a : 0),
    }[count];
    const short = (lo, hi) => {
      let up = 0,
        down = 0;
      for (const one of tokens) {
        const value = counted(one, lo, hi);
        if (value > 0) up += value;
        else down -= value;
      }
      return down > 0 && up < target * down;
    };
    let [lo, hi] = [low, high];
    while (lo < lowMost && short(lo, hi)) lo = Math.min(lo + STEP, lowMost);
    while (hi < highMost && short(lo, hi)) hi = Math.min(hi + STEP, highMost);
    return { window: [lo, hi] };
  };

/** PPO's clip in the window of the survey.
 * @type {(settings: any) => (one: any) => any} */
export const bapo =
  ({ dual_clip: dual }) =>
  ({ window: [low, high], ...one }) =>
    own({ formula: "A*r*(A > 0 ? r <= high : r >= low and r <= dual)", constants: { low, high, dual: dual ?? 1e9 } })(
      one,
    );

/** R2VPO: its line with the λ that stands in the lane's memory.
 * @type {(settings: any) => (one: any) => any} */
export const r2vpo =
  ({ formula, lam: first }) =>
  ({ lam = first, ...one }) =>
    own({ formula, constants: { lam } })(one);

/* λ after an update whose tokens have these log-ratios: it rises while the mean of (r - 1)² is above δ. */
export function charged(lam, ratios, { delta, dual_lr: speed }) {
  if (!ratios.length) return lam;
  const moved = ratios.reduce((total, l) => total + Math.expm1(capped(l)) ** 2, 0) / ratios.length;
  return Math.max(0, lam + speed * (moved - delta));
}
