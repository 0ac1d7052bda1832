/* Objective and gradient weight w = -dL/dlog π of one token against its ratio r = π/π_old, for an advantage of +1 or -1,
   on plain numbers. The token is its whole completion, so that a sequence's ratio is the token's. Held to the losses of
   trlib.algorithms. */

import { clamp, sigmoid } from "../maths/plain.js";
import { dppoKlKept, dppoTvKept, unclipped } from "../maths/regions.js";

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

/* By name: (r, q, A, s) -> w, with r = p/q the ratio, q the probability when the token was sampled, A the advantage,
   s the settings. */
const WEIGHTS = {
  reinforce: (r, q, A) => A,
  gspo: (r, q, A, s) => (unclipped(r, A, 1 - s.eps_seq, 1 + s.eps_seq) ? Math.min(r, Math.exp(10)) * A : 0),
  cispo: (r, q, A, s) => clamp(r, 1 - s.eps_low, 1 + s.eps_high) * A,
  sapo: (r, q, A, s) => {
    const u = (A > 0 ? s.tau_pos : s.tau_neg) * (r - 1);
    return 4 * sigmoid(u) * sigmoid(-u) * r * A;
  },
  gmpo: (r, q, A, s) => (unclipped(Math.log(r), A, -s.eps_log, s.eps_log) ? r * A : 0),
  pspo: (r, q, A, s) => (1 - s.alpha) * r * A,
  dppo_tv: (r, q, A, s) => (dppoTvKept(q, r * q, A, s.delta_tv) ? r * A : 0),
  dppo_kl: (r, q, A, s) => (dppoKlKept(q, r * q, A, s.delta_kl) ? r * A : 0),
  quatro: (r, q, A, s) => (r > 0 ? r * (A - s.multiplier * Math.log(r)) : 0),
};

/* What a method does with a token: { weight } and, where it has one, { objective }. */
export function judged(key, r, s) {
  switch (key) {
    case "plain":
      return plain(r, s.sign);
    case "ppo":
      return clipped(r, s.sign, s.eps_low, s.eps_high);
    case "dual":
      return clipped(r, s.sign, s.eps_low, s.eps_high, s.dual_clip);
    case "penalty":
      return penalised(r, s.sign, s.beta, s.old_p);
    default:
      return { weight: WEIGHTS[key](r, s.old_p, s.sign, s) };
  }
}
export const WITH_OBJECTIVE = ["plain", "ppo", "dual", "penalty"];
