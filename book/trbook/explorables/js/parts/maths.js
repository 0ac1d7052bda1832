/* The mathematics of the explorables: the same formulas as trlib, on plain numbers.
   Tested in Chromium against trlib on shared vectors. Probabilities go in and out as doubles in (0, 1). */

export const logit = (p) => Math.log(p) - Math.log1p(-p);
export const sigmoid = (u) => (u >= 0 ? 1 / (1 + Math.exp(-u)) : Math.exp(u) / (1 + Math.exp(u)));
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/* A straight line through two points, and its way back: scale(value), scale.invert(pixel). */
/** @param {number[]} domain @param {number[]} range */
export function linear([a, b], [from, to]) {
  const scale = (value) => from + ((value - a) / (b - a)) * (to - from);
  scale.invert = (pixel) => a + ((pixel - from) / (to - from)) * (b - a);
  return scale;
}

/* log(1 - exp(x)) for x <= 0, without cancellation at either end. */
export const log1mexp = (x) => (x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x)));

/* a log(a/b) - a + b of one outcome: at least 0, and exact for close a and b. */
export function klTerm(logA, logB) {
  if (logA === -Infinity) return Math.exp(logB);
  const d = logA - logB;
  if (Math.abs(d) < 1) return Math.exp(logA) * (d + Math.expm1(-d));
  return Math.exp(logA) * d - Math.exp(logA) + Math.exp(logB);
}

/* D(Bernoulli a || Bernoulli b) from the log-probabilities of the sampled token: trlib.divergences.binary_kl. */
export const binaryKl = (logA, logB) => klTerm(logA, logB) + klTerm(log1mexp(logA), log1mexp(logB));

/* |a - b|: trlib.divergences.binary_tv. */
export const binaryTv = (logA, logB) => Math.abs(Math.exp(logA) - Math.exp(logB));

/* One rule for every method: is a token's gradient kept, given old probability q, new probability p, sign of A? */
export function ppoKept(q, p, sign, epsLow, epsHigh) {
  const ratio = p / q;
  return sign > 0 ? ratio <= 1 + epsHigh : ratio >= 1 - epsLow;
}

export const dppoTvKept = (q, p, sign, delta) => (sign > 0 ? p - q <= delta : p - q >= -delta);

export function dppoKlKept(q, p, sign, delta) {
  const outward = sign > 0 ? p > q : p < q;
  return !(outward && binaryKl(Math.log(q), Math.log(p)) > delta);
}

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

const softplus = (u) => (u > 0 ? u + Math.log1p(Math.exp(-u)) : Math.log1p(Math.exp(u)));

/* Rows of a recorded batch, a number a token: signed bytes in base64, c stands for sign(c) largest (c/127)^2. */
export function recorded(text, tokens, largest) {
  const bytes = Int8Array.from(atob(text), (letter) => (letter.charCodeAt(0) << 24) >> 24);
  return Array.from({ length: bytes.length / tokens }, (_, i) =>
    Float64Array.from(bytes.subarray(i * tokens, (i + 1) * tokens), (c) => Math.sign(c) * largest * (c / 127) ** 2),
  );
}
