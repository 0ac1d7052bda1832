/* A policy of two parameters that writes two tokens, each yes or no: logits of yes (θ1, θ2 + θ1/2). Both yes earns 1,
   both no earns 0.6, mixed nothing. Everything exact; the KL is a mean over the two tokens, in nats.
   trlib.algorithms.trpo: the step, the products and the line search, by the same names. */

import { sigmoid, softplus } from "../maths/plain.js";

const NO = 0.6,
  SPILL = 0.5;

export const logits = ([a, b]) => [a, b + SPILL * a];
export const chances = (theta) => logits(theta).map(sigmoid);

export function reward(theta) {
  const [p, q] = chances(theta);
  return p * q + NO * (1 - p) * (1 - q);
}

/* What yes is worth more than no at either token, the other token being the old policy's. */
export function worth(old) {
  const [p, q] = chances(old);
  return [q - NO * (1 - q), p - NO * (1 - p)];
}

/* E_old[(r - 1) A]: by how much the surrogate rises. */
export function surrogate(theta, old) {
  const [p, q] = chances(theta),
    [p0, q0] = chances(old),
    [first, second] = worth(old);
  return first * (p - p0) + second * (q - q0);
}

/* KL(old || new), mean over the tokens. */
export function kl(theta, old) {
  const from = logits(old),
    to = logits(theta);
  return (
    from.reduce((sum, u, i) => {
      const p = sigmoid(u);
      return sum + p * (softplus(-to[i]) - softplus(-u)) + (1 - p) * (softplus(to[i]) - softplus(u));
    }, 0) / 2
  );
}

export function gradient(old) {
  const [p, q] = chances(old),
    [first, second] = worth(old);
  const a = p * (1 - p) * first,
    b = q * (1 - q) * second;
  return [a + SPILL * b, b];
}

/* [[F11, F12], [F12, F22]] as [F11, F12, F22]. */
export function fisher(old) {
  const [p, q] = chances(old),
    a = (p * (1 - p)) / 2,
    b = (q * (1 - q)) / 2;
  return [a + SPILL * SPILL * b, SPILL * b, b];
}

/** @type {(metric: number[], along: number[]) => number} */
export const curvature = ([f, h, k], [a, b]) => f * a * a + 2 * h * a * b + k * b * b;

export function natural(old) {
  const [f, h, k] = fisher(old),
    [a, b] = gradient(old),
    det = f * k - h * h;
  return [(k * a - h * b) / det, (f * b - h * a) / det];
}

/* The multiple of a direction whose quadratic KL is delta; a direction of no length stays where it is. */
export function fullStep(old, direction, delta) {
  const size = curvature(fisher(old), direction);
  const scale = size > 0 ? Math.sqrt((2 * delta) / size) : 0;
  return direction.map((d) => scale * d);
}

export const plus = (a, b, times = 1) => [a[0] + times * b[0], a[1] + times * b[1]];

/* Every try of the line search, the last one taken unless it failed too. */
export function search(old, step, delta, shrink = 0.8, most = 10) {
  const tries = [];
  for (let i = 0; i < most; i++) {
    const at = plus(old, step, shrink ** i),
      spent = kl(at, old),
      rise = surrogate(at, old);
    const why = spent > delta ? "far" : rise > 0 ? "" : "fell";
    tries.push({ at, kl: spent, surrogate: rise, gain: reward(at) - reward(old), why });
    if (!why) break;
  }
  return tries;
}

/* Points of the region's edge and of the ellipse, along rays. The KL is convex in θ: one edge along each. */
export function edges(old, delta, count = 120, far = 30) {
  const F = fisher(old),
    region = [],
    ellipse = [];
  for (let i = 0; i <= count; i++) {
    const ray = [Math.cos((2 * Math.PI * i) / count), Math.sin((2 * Math.PI * i) / count)];
    const around = Math.sqrt((2 * delta) / curvature(F, ray));
    let low = 0,
      high = Math.min(far, 4 * around);
    while (high < far && kl(plus(old, ray, high), old) < delta) high = Math.min(far, 2 * high);
    for (let step = 0; step < 30; step++) {
      const middle = (low + high) / 2;
      if (kl(plus(old, ray, middle), old) <= delta) low = middle;
      else high = middle;
    }
    region.push(plus(old, ray, low));
    ellipse.push(plus(old, ray, Math.min(far, around)));
  }
  return { region, ellipse };
}

/* θ2 on the level line of a reward, at θ1; NaN where there is none. */
export function level(value, first) {
  const p = sigmoid(first),
    q = (value - NO * (1 - p)) / (p - NO * (1 - p));
  return q > 0 && q < 1 ? Math.log(q) - Math.log1p(-q) - SPILL * first : NaN;
}
