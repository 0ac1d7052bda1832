/* Sums, the logistic function, and logarithms that lose no digits: what the rest of this folder is made of. */

export const sum = (values) => values.reduce((total, value) => total + value, 0);
export const average = (values) => sum(values) / values.length;
/* The place in a list of what is nearest to a value. */
export const nearest = (all, value, far = (one, other) => Math.abs(one - other)) =>
  all.reduce((best, one, i) => (far(one, value) < far(all[best], value) ? i : best), 0);
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/* A list of `few` to `most` numbers, each in [low, high]? Infinity is none. */
export const isListOf = (value, few, most, low = 0, high = Number.MAX_VALUE) =>
  Array.isArray(value) &&
  value.length >= few &&
  value.length <= most &&
  value.every((x) => Number.isFinite(x) && x >= low && x <= high);

export const logit = (p) => Math.log(p) - Math.log1p(-p);
export const sigmoid = (u) => (u >= 0 ? 1 / (1 + Math.exp(-u)) : Math.exp(u) / (1 + Math.exp(u)));
/* log σ(u), exact at both ends. */
export const logSigmoid = (u) => -softplus(-u);
export const softplus = (u) => (u > 0 ? u + Math.log1p(Math.exp(-u)) : Math.log1p(Math.exp(u)));

/* log(1 - exp(x)) for x <= 0, without cancellation at either end. */
export const log1mexp = (x) => (x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x)));

export function logSoftmax(z) {
  const top = Math.max(...z),
    whole = top + Math.log(sum(z.map((x) => Math.exp(x - top))));
  return z.map((x) => x - whole);
}

/* A straight line through two points, and its way back: scale(value), scale.invert(pixel). */
/** @param {number[]} domain @param {number[]} range */
export function linear([a, b], [from, to]) {
  const scale = (value) => from + ((value - a) / (b - a)) * (to - from);
  scale.invert = (pixel) => a + ((pixel - from) / (to - from)) * (b - a);
  return scale;
}

/* Rows of a recorded batch, a number a token: signed bytes in base64, c stands for sign(c) largest (c/127)^2. */
export function recorded(text, tokens, largest) {
  const bytes = Int8Array.from(atob(text), (letter) => (letter.charCodeAt(0) << 24) >> 24);
  return Array.from({ length: bytes.length / tokens }, (_, i) =>
    Float64Array.from(bytes.subarray(i * tokens, (i + 1) * tokens), (c) => Math.sign(c) * largest * (c / 127) ** 2),
  );
}
