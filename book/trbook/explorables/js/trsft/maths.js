/* What a student makes of an expert's tokens, in expectation over the expert: supervised fine-tuning (SFT), TrSFT and
   the reverse KL. trlib.algorithms.trapo has the loss, the weight and what TrSFT converges to, by the same names. */

import { logSoftmax, sum } from "../maths/plain.js";

export const PLACES = 10,
  WIDTH = 1.5;
/* A step on ten logits, and one on a hump's middle (in units of its variance) and the logarithm of its width. */
export const RATE = { any: 2, hump: 0.3 };
const NARROW = Math.log(0.3),
  BROAD = Math.log(20);

/* w = -dL/dlog p of an expert's token that the student gives the probability p. */
export const weight = { sft: () => 1, trsft: (p, alpha) => Math.min(1, p / alpha) };

const softmax = (z) => logSoftmax(z).map(Math.exp);
const bell = (middle, width) => Array.from({ length: PLACES }, (_, v) => -((v - middle) ** 2) / (2 * width * width));
export const beginning = (start) => softmax(bell(start, WIDTH));

/* The ascent direction on the logits. SFT, TrSFT: sum of e_v w_v (1_v - p). Reverse KL: that of -KL(p || e). */
export function push(way, e, p, alpha) {
  if (way === "reverse") {
    const apart = p.map((share, v) => Math.log(Math.max(share, 1e-300) / e[v])),
      kl = sum(p.map((share, v) => share * apart[v]));
    return p.map((share, v) => -share * (apart[v] - kl));
  }
  const own = p.map((share, v) => e[v] * weight[way](share, alpha)),
    total = sum(own);
  return p.map((share, v) => own[v] - share * total);
}

/* The student's distribution after some steps of one way of learning. A student of any distribution has ten logits; a
   hump has a middle and a width. Both begin as a hump at `start`. */
export function learned(way, { student, expert, alpha, start, steps }) {
  if (student === "any") {
    let z = bell(start, WIDTH);
    for (let step = 0; step < steps; step++) {
      const g = push(way, expert, softmax(z), alpha);
      z = z.map((value, v) => value + RATE.any * g[v]);
    }
    return softmax(z);
  }
  let middle = start,
    narrow = Math.log(WIDTH);
  for (let step = 0; step < steps; step++) {
    const width = Math.exp(narrow),
      away = Array.from({ length: PLACES }, (_, v) => (v - middle) / width);
    const g = push(way, expert, softmax(bell(middle, width)), alpha);
    middle += RATE.hump * width * sum(g.map((one, v) => one * away[v]));
    narrow = Math.min(BROAD, Math.max(NARROW, narrow + (RATE.hump / 2) * sum(g.map((one, v) => one * away[v] ** 2))));
  }
  return softmax(bell(middle, Math.exp(narrow)));
}

/* What TrSFT converges to where the student can be anything: the expert without its tail (truncated_expert). */
export function truncated(expert, alpha) {
  const order = expert.map((_, v) => v).sort((a, b) => expert[b] - expert[a] || a - b);
  let kept = 0,
    mass = 0;
  while (kept < order.length && expert[order[kept]] >= alpha * (mass + expert[order[kept]]))
    mass += expert[order[kept++]];
  const next = kept < order.length ? expert[order[kept]] : 0,
    scale = next > alpha * mass ? alpha / next : 1 / mass;
  const found = expert.map(() => 0);
  for (const v of order.slice(0, kept)) found[v] = expert[v] * scale;
  if (kept < order.length) found[order[kept]] = Math.max(0, 1 - mass * scale);
  return found;
}
