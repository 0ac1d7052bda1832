/* Inner steps on the logits of one token, method by method. Every gradient is that of the objective of the same name in
   trlib.algorithms; a test takes the same steps with torch. No drawing here. */

import { cispo, dppo, gmpo, gspo, pgIs, ppo, pspo, quatro, sapo } from "../../engine/js/objectives.js";
import { troll } from "../../engine/js/troll.js";
import { kl, tv } from "../maths/divergences.js";
import { logSoftmax } from "../maths/plain.js";

const FLOOR = 1e-12; // least mass of a rest: trlib.divergences.REST_FLOOR
const OVERFLOW = 20; // DPPO: the log-ratio is cut here before it is exponentiated
const CLIP = { eps_low: 0.2, eps_high: 0.2 };

export { logSoftmax };

/* The anchor's k most likely words; the sampled one replaces the last if it is not among them. */
export function support(old, y, k) {
  const ids = old
    .map((_, v) => v)
    .sort((a, b) => old[b] - old[a])
    .slice(0, k);
  if (!ids.includes(y)) ids[k - 1] = y;
  return ids;
}

/* Log-probs of some words and of all others together; of all words there are no others. */
function merged(logp, ids) {
  const some = ids.map((v) => logp[v]);
  if (ids.length === logp.length) return some;
  const rest = logp.reduce((total, x, v) => (ids.includes(v) ? total : total + Math.exp(x)), 0);
  return [...some, Math.log(Math.max(rest, FLOOR))];
}

/* D(old || new) as the sampled word, its k most likely and all words see it: trlib.divergences. */
export function seen(old, now, y, k) {
  const by = { binary: [y], topk: support(old, y, k), full: old.map((_, v) => v) };
  return Object.fromEntries(
    Object.entries(by).map(([key, ids]) => {
      const a = merged(old, ids),
        b = merged(now, ids);
      return [key, { tv: tv(a, b), kl: kl(a, b) }];
    }),
  );
}

/* The weight of the sampled word by an objective that sees one word. */
const alone =
  (objective) =>
  ({ now, old, y, advantage }) =>
    objective({ logp: [now[y]], old: [old[y]], advantage }).weight[0];

/* DPPO where more than the sampled word is measured. */
const masked =
  (resolution, s) =>
  ({ now, old, y, advantage }) => {
    const far = seen(old, now, y, s.k)[resolution].tv > s.delta_tv,
      outward = advantage > 0 ? now[y] > old[y] : now[y] < old[y];
    return far && outward ? 0 : advantage * Math.min(s.max_ratio, Math.exp(Math.min(OVERFLOW, now[y] - old[y])));
  };

/* By name: settings -> ({ now, old, y, advantage }) -> w. */
const WEIGHTS = {
  pg_is: () => alone(pgIs()),
  ppo: () => alone(ppo(CLIP)),
  clip_higher: () => alone(ppo({ eps_low: 0.2, eps_high: 0.28 })),
  cispo: () => alone(cispo(CLIP)),
  gspo: () => alone(gspo({ eps_low: 3e-4, eps_high: 4e-4 })),
  sapo: () => alone(sapo({ tau_pos: 1, tau_neg: 1.05 })),
  gmpo: () => alone(gmpo({ eps_log: 0.4 })),
  pspo: () => alone(pspo({ alpha: 0.1 })),
  dppo_tv: (s) => alone(dppo({ delta_tv: s.delta_tv, max_ratio: s.max_ratio })),
  dppo_kl: (s) => alone(dppo({ delta_kl: s.delta_kl, max_ratio: s.max_ratio })),
  dppo_topk: (s) => masked("topk", s),
  dppo_full: (s) => masked("full", s),
  quatro:
    () =>
    ({ now, old, y, advantage }) =>
      quatro()({
        logp: [now[y]],
        old: [old[y]],
        multiplier: 1,
        target: advantage,
      }).weight[0],
};
export const KEYS = [...Object.keys(WEIGHTS), "troll"];

/* { weight, gradient } with gradient = dL/dz; a weight's is -w (1{y} - π). */
function slope(key, s) {
  const objective = key === "troll" ? troll({ delta_kl: s.delta_kl, alpha: 1 }) : null;
  const weigh = objective ? null : WEIGHTS[key](s);
  return ({ now, old, y, advantage }) => {
    const found = objective?.({ logp: [now], old: [old], tokens: [y], advantage });
    const weight = found ? found.weight[0] : weigh({ now, old, y, advantage });
    const gradient = found?.gradient[0] ?? now.map((x, v) => -weight * ((v === y ? 1 : 0) - Math.exp(x)));
    return { weight, gradient };
  };
}

/* Steps of one method: { path, weight, silent, rest }. path[i] are the log-probs after i steps; weight is the sampled
   word's after the last; silent is the step from which it was 0, or null; rest says that no step moves it any more. */
export function walk(key, p, s) {
  const old = p.map(Math.log),
    advantage = s.sign * s.size,
    of = slope(key, s);
  const path = [old];
  let z = old,
    now = old,
    silent = null,
    first = 0,
    last = 0;
  for (let i = 0; i < s.steps; i++) {
    const { weight, gradient } = of({ now, old, y: s.token, advantage });
    if (weight !== 0) silent = null;
    else silent ??= i;
    z = z.map((x, v) => x - s.lr * gradient[v]);
    const next = logSoftmax(z);
    last = Math.abs(next[s.token] - now[s.token]);
    if (i === 0) first = last;
    now = next;
    path.push(now);
  }
  const { weight } = of({ now, old, y: s.token, advantage });
  if (weight === 0) silent ??= s.steps;
  else silent = null;
  return { path, weight, silent, rest: s.steps > 0 && last < 0.01 * first };
}
