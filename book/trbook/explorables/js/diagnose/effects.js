/* What each method would do to every token: `trcheck.diagnose.effects` in JavaScript. */

import { binaryKl, binaryTv } from "../maths/divergences.js";
import { dppoKept, ppoKept } from "../maths/regions.js";
import { solveGroups } from "./quatro.js";

const NEAR = 0.01; // a weight that is off by less than this share counts as the same

/* Like numpy's isclose: what is infinite is close to itself only. */
const close = (value, wanted) =>
  value === wanted || (Number.isFinite(wanted) && Math.abs(value - wanted) <= NEAR * Math.abs(wanted));

export function effects(r, limits) {
  const n = r.mask.length,
    old = r.logp_old !== null,
    anchor = old ? "logp_old" : "logp_rollout";
  const base = r.logp_old ?? r.logp_rollout;
  const made = (key, name, around) => ({
    key,
    name,
    anchor: around,
    silenced: new Uint8Array(n),
    reweighed: new Uint8Array(n),
    turned: new Uint8Array(n),
  });
  const ppo = made("ppo", "PPO", anchor),
    tis = made("tis", old ? "PPO + TIS" : "TIS", anchor);
  const tv = made("dppo_tv", "DPPO, binary TV", "logp_rollout"),
    kl = made("dppo_kl", "DPPO, binary KL", "logp_rollout");
  const quatro = made("quatro", "QUATRO", "logp_rollout");
  const { multiplier, push, whole } = duals(r, limits);
  for (let i = 0; i < n; i++) {
    if (!r.mask[i]) continue;
    const p = r.logp[i],
      q = r.logp_rollout[i],
      a = r.advantage[i];
    const unrestrained = a === 0 ? 0 : Math.exp(p - q) * a;
    const ratio = Math.exp(p - base[i]);
    if (!keptByPpo(ratio, a, limits)) ppo.silenced[i] = Number(a !== 0);
    else if (!close(a === 0 ? 0 : ratio * a, unrestrained)) ppo.reweighed[i] = 1;
    const factor = Math.min(Math.exp((old ? base[i] : p) - q), limits.cap),
      corrected = a * factor;
    if (old && !keptByPpo(ratio, corrected, limits)) tis.silenced[i] = Number(a !== 0);
    else if (!close(!old ? corrected : corrected === 0 ? 0 : ratio * corrected, unrestrained)) tis.reweighed[i] = 1;
    const rho = a === 0 ? 0 : a * Math.exp(Math.min(p - q, 20));
    for (const [effect, kept] of /** @type {[any, boolean][]} */ ([
      [tv, dppoKept(binaryTv, q, p, a, limits.delta_tv)],
      [kl, dppoKept(binaryKl, q, p, a, limits.delta_kl)],
    ])) {
      if (!kept) effect.silenced[i] = Number(a !== 0);
      else if (!close(rho, unrestrained)) effect.reweighed[i] = 1;
    }
    const c = r.completion[i];
    if (multiplier[c] > 0 || push[c] !== 0)
      quatro.turned[i] = Number((push[c] - multiplier[c] * whole[c]) * push[c] < 0);
    else quatro.silenced[i] = Number(a !== 0);
  }
  return [ppo, tis, tv, kl, quatro];
}

export const keptByPpo = (ratio, a, limits) => ppoKept(ratio, a, limits.eps_low, limits.eps_high);

/* Per completion: QUATRO's multiplier, its bracket before any update, and the whole log-ratio. */
function duals(r, limits) {
  const { counted, mean, whole } = byCompletion(r);
  const rewards = new Float64Array(r.count),
    present = new Uint8Array(r.count);
  for (let c = 0; c < r.count; c++) {
    present[c] = Number(counted[c] > 0);
    // Rounded: equal advantages must not differ by a rounding.
    rewards[c] = r.reward === null ? Number(rounded(mean[c])) : present[c] ? r.reward[c] : 0;
  }
  const { multiplier, target } = solveGroups(rewards, r.group ?? new Int32Array(r.count), present, limits.delta_quatro);
  return { multiplier, push: target.map((t, c) => t * multiplier[c]), whole };
}

const rounded = (value) => Math.round(value * 1e12) / 1e12;

/* Per completion: unmasked tokens, their mean advantage and the sum of their log-ratios. */
export function byCompletion(r) {
  const counted = new Float64Array(r.count),
    sums = new Float64Array(r.count),
    whole = new Float64Array(r.count);
  for (let i = 0; i < r.mask.length; i++) {
    if (!r.mask[i]) continue;
    const c = r.completion[i];
    counted[c] += 1;
    sums[c] += r.advantage[i];
    whole[c] += r.logp[i] - r.logp_rollout[i];
  }
  return { counted, mean: sums.map((sum, c) => sum / Math.max(counted[c], 1)), whole };
}
