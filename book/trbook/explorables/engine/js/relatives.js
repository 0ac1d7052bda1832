/* The gallery's objectives of tokens: trlib.relatives.ratios on plain numbers. An objective is what it is in
   objectives.js; what it must know of more than one completion comes with its argument, under a name of its own. */

import { unclipped } from "../../js/maths/regions.js";
import { capped, ppo, ratioOf, weigh } from "./objectives.js";

const STEP = 0.05; // by which BAPO's bounds rise

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
 * @returns {(one: any) => any} */
export const bapo =
  ({ dual_clip: dual }) =>
  ({ window: [low, high], ...one }) =>
    ppo({ eps_low: 1 - low, eps_high: high - 1, dual_clip: dual })(one);

/* w = clip(und r) A,  und the smallest ratio before the token; 1 before the first */
export const minpro =
  ({ eps_low: low, eps_high: high }) =>
  ({ logp, old, advantage }) => {
    let least = Infinity;
    const before = logp.map((p, t) => {
      const und = least === Infinity ? 0 : least;
      least = Math.min(least, capped(p - old[t]));
      return und;
    });
    return weigh(
      logp,
      (p, t) => advantage * Math.min(1 + high, Math.max(1 - low, Math.exp(before[t] + capped(p - old[t])))),
    );
  };

/* w = A where log r has not left the window on the update's side, else 0, less α min(r - 1, c) */
export const cpgd =
  ({ eps, alpha, cap }) =>
  ({ logp, old, advantage: a }) => {
    const low = Math.log1p(-eps),
      high = Math.log1p(eps),
      ratio = logp.map((p, t) => p - old[t]);
    const kept = ratio.map((l) => unclipped(l, a, low, high));
    return { kept, weight: ratio.map((l, t) => (kept[t] ? a : 0) - alpha * Math.min(cap, Math.expm1(l))) };
  };

/* w = r (A - 2 λ (r - 1)) with the λ that stands in the lane's memory */
export const r2vpo =
  ({ lam: first }) =>
  ({ logp, old, advantage, lam = first }) =>
    weigh(logp, (p, t) => {
      const r = ratioOf(p, old[t]);
      return r * (advantage - 2 * lam * (r - 1));
    });

/* λ after an update whose tokens have these log-ratios: it rises while the mean of (r - 1)² is above δ. */
export function charged(lam, ratios, { delta, dual_lr: speed }) {
  if (!ratios.length) return lam;
  const moved = ratios.reduce((total, l) => total + Math.expm1(capped(l)) ** 2, 0) / ratios.length;
  return Math.max(0, lam + speed * (moved - delta));
}

/* PPO's clip with ε = δ/|A| */
export const trefree =
  ({ delta }) =>
  (one) => {
    const width = delta / Math.max(Math.abs(one.advantage), Number.EPSILON);
    return ppo({ eps_low: Math.min(1, width), eps_high: width })(one);
  };
