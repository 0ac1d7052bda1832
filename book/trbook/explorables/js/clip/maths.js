/* Objective and gradient weight of one token against its ratio r = π/π_old, for an advantage of +1 or -1.
   trlib.algorithms: pg_is_loss, ppo_loss, add_penalty. */

export const plain = (r, sign) => ({ objective: r * sign, weight: r * sign });

export function clipped(r, sign, epsLow, epsHigh, dual = Infinity) {
  if (sign > 0) return r > 1 + epsHigh ? { objective: 1 + epsHigh, weight: 0 } : plain(r, sign);
  if (r < 1 - epsLow) return { objective: -(1 - epsLow), weight: 0 };
  return r > dual ? { objective: -dual, weight: 0 } : plain(r, sign);
}

/* r A - β KL(π_old || π), the other tokens keeping their proportions; q is the token's old probability, r q below 1. */
export function penalised(r, sign, beta, q) {
  const p = r * q;
  if (p <= 0) return { objective: beta > 0 ? -Infinity : 0, weight: beta * q };
  if (p >= 1) return { objective: beta > 0 ? -Infinity : r * sign, weight: beta > 0 ? -Infinity : r * sign };
  const kl = -q * Math.log(r) + (1 - q) * (Math.log1p(-q) - Math.log1p(-p));
  return { objective: r * sign - beta * kl, weight: r * sign + (beta * (q - p)) / (1 - p) };
}
