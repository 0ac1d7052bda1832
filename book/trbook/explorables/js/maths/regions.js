/* Which tokens a region lets learn, and where one falls silent: trlib.algorithms on plain numbers. q: a token's
   probability under the old policy, p: under the new one; sign: the advantage's. */

import { binaryKl, binaryTv, klTerm } from "./divergences.js";
import { logit, sigmoid, softplus } from "./plain.js";

/* A value inside [low, high], or one that the advantage brings back: trlib.algorithms.method.unclipped. */
export const unclipped = (value, advantage, low, high) =>
  (advantage >= 0 && value <= high) || (advantage <= 0 && value >= low);

/* PPO's clip. */
export const ppoKept = (ratio, advantage, epsLow, epsHigh) => unclipped(ratio, advantage, 1 - epsLow, 1 + epsHigh);

/* DPPO's mask, from log-probs: the token's divergence has passed delta, and its update goes further out. */
export const dppoKept = (measure, old, now, advantage, delta) =>
  !((advantage > 0 ? now > old : now < old) && measure(Math.min(0, old), Math.min(0, now)) > delta);
export const dppoTvKept = (q, p, sign, delta) => dppoKept(binaryTv, Math.log(q), Math.log(p), sign, delta);
export const dppoKlKept = (q, p, sign, delta) => dppoKept(binaryKl, Math.log(q), Math.log(p), sign, delta);

/* The edge of each region: the new probability at which a token of old probability q falls silent. */
export const ppoEdge = (q, sign, epsLow, epsHigh) => (sign > 0 ? q * (1 + epsHigh) : q * (1 - epsLow));
export const dppoTvEdge = (q, sign, delta) => q + sign * delta;

/* The root p of binaryKl(q, p) = delta above q (sign > 0) or below it. In the logit of p the divergence is convex
   and its slope is p - q, so Newton's steps are monotone once they have passed the root. */
export function dppoKlEdge(q, sign, delta) {
  if (delta <= 0) return q;
  let u = logit(q) + sign * Math.sqrt((2 * delta) / (q * (1 - q)));
  const logQ = Math.log(q),
    logNotQ = Math.log1p(-q);
  for (let step = 0; step < 60; step++) {
    const value = klTerm(logQ, -softplus(-u)) + klTerm(logNotQ, -softplus(u)) - delta;
    const slope = sigmoid(u) - q;
    const next = slope === 0 ? u : u - value / slope;
    if (Math.abs(next - u) <= 1e-14 * (1 + Math.abs(u))) return sigmoid(next);
    u = next;
  }
  return sigmoid(u);
}
