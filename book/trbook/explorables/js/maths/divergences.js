/* D(a || b) of log-probs, first argument first: trlib.divergences by the same names, on plain numbers. */

import { log1mexp, sum } from "./plain.js";

const FLOOR = Math.log(1e-12); // least log of what is left over: a log-prob of exactly 0 is a rounding
const rest = (x) => Math.max(FLOOR, x >= 0 ? -Infinity : log1mexp(x));

/* a log(a/b) - a + b of one outcome: at least 0, and exact for close a and b. */
export function klTerm(logA, logB) {
  if (logA === -Infinity) return Math.exp(logB);
  const d = logA - logB,
    a = Math.exp(logA);
  return Math.abs(d) < 1 ? a * (d + Math.expm1(-d)) : a * d - a + Math.exp(logB);
}

/* Of whole distributions. */
export const kl = (logA, logB) => sum(logA.map((x, i) => klTerm(x, logB[i])));
export const tv = (logA, logB) => sum(logA.map((x, i) => Math.abs(Math.exp(x) - Math.exp(logB[i])))) / 2;

/* Of the sampled token against all others. */
export const binaryKl = (logA, logB) => klTerm(logA, logB) + klTerm(rest(logA), rest(logB));

/* |a - b|, from the side that does not overflow. */
export function binaryTv(logA, logB) {
  const d = logA - logB;
  return d > 0 ? -Math.exp(logA) * Math.expm1(-d) : d < 0 ? -Math.exp(logB) * Math.expm1(d) : 0;
}
