/* The gradient weights of every objective that sees nothing but the tokens' log-probs: the formulas of
   trlib.algorithms on plain numbers, held to it in Chromium. Those of the gallery stand in relatives.js.

   An objective is a function of one completion, { logp, old, advantage }: the tokens' log-probs under the policy that
   learns and under the one that the region is drawn around, and the completion's advantage. It gives { weight, kept },
   arrays by token: weight = -dL/dlog p before aggregation, kept false where the region silences the token. */

import { binaryKl, binaryTv } from "../../js/maths/divergences.js";
import { sum } from "../../js/maths/plain.js";
import { dppoKept, ppoKept, unclipped } from "../../js/maths/regions.js";

const CAP = 10; // GSPO: the largest log of a completion's ratio, nats per token
export const MOST = 20; // a token's log-ratio is kept within ±20 before it is exponentiated: no ratio overflows
export const capped = (l) => Math.max(-MOST, Math.min(MOST, l));

export const weigh = (logp, weight, kept = () => true) => ({
  weight: logp.map(weight),
  kept: logp.map(kept),
});
/* Nothing for tokens that are not kept. */
export const masked = (kept, weight) => ({ weight: kept.map((on, t) => (on ? weight(t) : 0)), kept });
export const ratioOf = (p, old) => Math.exp(capped(p - old));
const mean = (values) => sum(values) / Math.max(1, values.length);

/* w = A */
export const reinforce =
  () =>
  ({ logp, advantage }) =>
    weigh(logp, () => advantage);

/* w = r A */
export const pgIs =
  () =>
  ({ logp, old, advantage }) =>
    weigh(logp, (p, t) => ratioOf(p, old[t]) * advantage);

/* w = r A inside the window of the update's direction, else 0; with a dual clip c also 0 where A < 0 and r > c */
export const ppo =
  ({ eps_low: low, eps_high: high, dual_clip: dual = null }) =>
  ({ logp, old, advantage }) => {
    const ratio = logp.map((p, t) => ratioOf(p, old[t]));
    const kept = ratio.map((r) => ppoKept(r, advantage, low, high) && !(dual !== null && advantage < 0 && r > dual));
    return masked(kept, (t) => ratio[t] * advantage);
  };

/* w = s A with s = exp(min(mean log r, 10)) inside the window of s, else 0: all tokens of a completion or none */
export const gspo =
  ({ eps_low: low, eps_high: high }) =>
  ({ logp, old, advantage }) => {
    const s = Math.exp(Math.min(CAP, mean(logp.map((p, t) => p - old[t])))),
      kept = ppoKept(s, advantage, low, high);
    return masked(
      logp.map(() => kept),
      () => s * advantage,
    );
  };

/* w = clip(r) A */
export const cispo =
  ({ eps_low: low, eps_high: high }) =>
  ({ logp, old, advantage }) =>
    weigh(logp, (p, t) => {
      const r = Math.min(1 + high, ratioOf(p, old[t]));
      return advantage * (low === null ? r : Math.max(1 - low, r));
    });

/* w = 4 σ (1 - σ) r A,  σ = σ(τ (r - 1)),  τ by the sign of A */
export const sapo =
  ({ tau_pos: above, tau_neg: below }) =>
  ({ logp, old, advantage }) =>
    weigh(logp, (p, t) => {
      const r = ratioOf(p, old[t]),
        tau = advantage > 0 ? above : below,
        e = Math.exp(-Math.abs(tau * (r - 1)));
      return ((4 * e) / (1 + e) ** 2) * r * advantage;
    });

/* w = A ρ,  ρ = exp(mean clipped log r), 0 for tokens outside ±ε on the update's side: the derivative of the sum of a
   completion's losses, which every aggregation that treats its tokens alike scales */
export const gmpo =
  ({ eps_log: eps }) =>
  ({ logp, old, advantage }) => {
    const ratio = logp.map((p, t) => p - old[t]);
    const kept = ratio.map((l) => unclipped(l, advantage, -eps, eps));
    if (advantage === 0) return { weight: logp.map(() => 0), kept };
    const rho = Math.exp(capped(mean(ratio.map((l, t) => (kept[t] ? l : Math.min(eps, Math.max(-eps, l)))))));
    return masked(kept, () => advantage * rho);
  };

/* w = (1 - α) r A */
export const pspo =
  ({ alpha }) =>
  ({ logp, old, advantage }) =>
    weigh(logp, (p, t) => (1 - alpha) * ratioOf(p, old[t]) * advantage);

/* w = ρ A with ρ = min(e^min(log r, 20), C); 0 where the sampled token's divergence has passed the threshold and the
   update goes further out */
export const dppo = ({ delta_tv: tv = null, delta_kl: kl = null, max_ratio: most = null }) => {
  const measure = tv === null ? binaryKl : binaryTv;
  return ({ logp, old, advantage }) => {
    const kept = logp.map((p, t) => dppoKept(measure, old[t], p, advantage, tv ?? kl));
    const rho = (t) => Math.min(most ?? Infinity, Math.exp(Math.min(MOST, logp[t] - old[t])));
    return masked(kept, (t) => advantage * rho(t));
  };
};

/* QUATRO: w = r (λ target - λ l),  l the completion's log-ratio, λ and target from its prompt's dual (`maths/dual.js`) */
export const quatro =
  () =>
  ({ logp, old, multiplier, target }) => {
    const ratio = logp.map((p, t) => p - old[t]),
      whole = sum(ratio);
    return weigh(
      logp,
      (_, t) => Math.exp(capped(ratio[t])) * (multiplier * target - multiplier * whole),
      () => multiplier > 0,
    );
  };
