/* Objective and gradient weight w = -dL/dlog π of one token against its ratio r = π/π_old, for an advantage of +1 or -1,
   on plain numbers. The token is its whole completion, so that a sequence's ratio is the token's. Weights are those of
   the playground's objectives, which are held to trlib.algorithms. */

import { cispo, dppo, gmpo, gspo, pspo, quatro, reinforce, sapo } from "../../engine/js/objectives.js";

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

const LEAST = 1e-12; // stands for a multiplier of 0

/* By name: the objective behind the settings s, of one token and its advantage. */
const OBJECTIVES = {
  reinforce: () => reinforce(),
  gspo: (s) => gspo({ eps_low: s.eps_seq, eps_high: s.eps_seq }),
  cispo: (s) => cispo({ eps_low: s.eps_low, eps_high: s.eps_high }),
  sapo: (s) => sapo({ tau_pos: s.tau_pos, tau_neg: s.tau_neg }),
  gmpo: (s) => gmpo({ eps_log: s.eps_log }),
  pspo: (s) => pspo({ alpha: s.alpha }),
  dppo_tv: (s) => dppo({ delta_tv: s.delta_tv }),
  dppo_kl: (s) => dppo({ delta_kl: s.delta_kl }),
  quatro: (s) => {
    const pull = quatro(),
      multiplier = Math.max(LEAST, s.multiplier);
    return (one) => pull({ ...one, multiplier, target: one.advantage / multiplier });
  },
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
    default: {
      if (key === "quatro" && r === 0) return { weight: 0 }; // the limit of r log r
      const old = Math.log(s.old_p);
      const { weight } = OBJECTIVES[key](s)({ logp: [old + Math.log(r)], old: [old], advantage: s.sign });
      return { weight: weight[0] };
    }
  }
}
export const WITH_OBJECTIVE = ["plain", "ppo", "dual", "penalty"];
