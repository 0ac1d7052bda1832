/* Gradient weights: w = -dL/dlog pi of one sampled token, for every method, on plain numbers. The token is its whole
   completion, so that a sequence's ratio is the token's. Held to the `weight` that trlib's losses report. */

const sigmoid = (u) => (u >= 0 ? 1 / (1 + Math.exp(-u)) : Math.exp(u) / (1 + Math.exp(u)));
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const inside = (r, A, low, high) => (A > 0 ? r <= high : r >= low);

/* KL(Bernoulli q || Bernoulli p), nats: term by term at least 0, so that close q and p cancel nothing. */
export function binaryKl(q, p) {
  const term = (a, b, d) => (Math.abs(d) < 1 ? a * (d + Math.expm1(-d)) : a * d - a + b);
  return term(q, p, Math.log(q) - Math.log(p)) + term(1 - q, 1 - p, Math.log1p(-q) - Math.log1p(-p));
}

/* By name: (r, q, A, s) -> w, with r = p/q the ratio, q the probability when the token was sampled, A the advantage,
   s the settings. */
export const WEIGHTS = {
  reinforce: (r, q, A) => A,
  pg_is: (r, q, A) => r * A,
  ppo: (r, q, A, s) => (inside(r, A, 1 - s.eps_low, 1 + s.eps_high) ? r * A : 0),
  dual_clip: (r, q, A, s) => (A < 0 && r > s.dual_clip ? 0 : WEIGHTS.ppo(r, q, A, s)),
  kl_penalty: (r, q, A, s) => r * A + (s.beta * (q - r * q)) / (1 - r * q),
  gspo: (r, q, A, s) => (inside(r, A, 1 - s.eps_seq, 1 + s.eps_seq) ? Math.min(r, Math.exp(10)) * A : 0),
  cispo: (r, q, A, s) => clamp(r, 1 - s.eps_low, 1 + s.eps_high) * A,
  sapo: (r, q, A, s) => {
    const u = (A > 0 ? s.tau_pos : s.tau_neg) * (r - 1);
    return 4 * sigmoid(u) * sigmoid(-u) * r * A;
  },
  gmpo: (r, q, A, s) => (inside(Math.log(r), A, -s.eps_log, s.eps_log) ? r * A : 0),
  pspo: (r, q, A, s) => (1 - s.alpha) * r * A,
  dppo_tv: (r, q, A, s) => (inside(r * q - q, A, -s.delta_tv, s.delta_tv) ? r * A : 0),
  dppo_kl: (r, q, A, s) => ((A > 0 ? r > 1 : r < 1) && binaryKl(q, r * q) > s.delta_kl ? 0 : r * A),
  quatro: (r, q, A, s) => r * (A - s.multiplier * Math.log(r)),
};
