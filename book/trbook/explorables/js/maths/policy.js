/* Policies that can be shown: no arm without probability, and a sum of 1. */

import { clamp, sum } from "./plain.js";

export const LEAST = 0.001;

/* A policy of which every arm has at least LEAST, the sum 1 to the last of the four digits that an address carries. */
export function normal(q) {
  if (q.every((share) => share >= LEAST) && Math.abs(sum(q) - 1) < 1e-9) return q;
  const most = Math.max(...q),
    whole = most > 1 ? q.map((share) => share / most) : q; // a sum of any numbers is one
  const left = whole.map((share) => Math.max(share - LEAST, 0)),
    above = left.some((x) => x > 0) ? left : left.map(() => 1),
    total = sum(above);
  const found = above.map((share) => Number((LEAST + ((1 - q.length * LEAST) * share) / total).toFixed(4)));
  const largest = found.indexOf(Math.max(...found));
  found[largest] = Number((1 - sum(found.filter((_, i) => i !== largest))).toFixed(4));
  return found;
}

/* One arm's old probability set, the others in proportion. */
export function withShare(q, arm, share) {
  const wanted = clamp(share, LEAST, 1 - 2 * LEAST * q.length),
    rest = 1 - q[arm];
  return normal(q.map((x, i) => (i === arm ? wanted : (x * (1 - wanted)) / rest)).map((x) => x + 1e-7));
}
