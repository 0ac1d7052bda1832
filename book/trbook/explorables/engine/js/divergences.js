/* The sampled token against all others: trlib.divergences.binary_tv and binary_kl of log-probs a and b, D(a || b). */

const FLOOR = Math.log(1e-12); // least log of what is left over: a log-prob of exactly 0 is a rounding

/* log(1 - e^x) for x <= 0 */
const log1mexp = (x) =>
  x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x));
const rest = (x) => Math.max(FLOOR, x >= 0 ? -Infinity : log1mexp(x));

/* a log(a/b) - a + b of one outcome: at least 0, and exact for close a and b */
function klTerm(logA, logB) {
  if (logA === -Infinity) return Math.exp(logB);
  const d = logA - logB,
    a = Math.exp(logA);
  return Math.abs(d) < 1
    ? a * (d + Math.expm1(-d))
    : a * d - a + Math.exp(logB);
}

export const binaryKl = (logA, logB) =>
  klTerm(logA, logB) + klTerm(rest(logA), rest(logB));

/* |a - b|, from the side that does not overflow */
export function binaryTv(logA, logB) {
  const d = logA - logB;
  return d > 0
    ? -Math.exp(logA) * Math.expm1(-d)
    : d < 0
      ? -Math.exp(logB) * Math.expm1(d)
      : 0;
}
