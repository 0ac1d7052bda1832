/* Inner steps on the logits of one token, method by method. Every gradient is that of the objective of the same name in
   trlib.algorithms; a test takes the same steps with torch. No drawing here. */

import { byLine } from "../../engine/js/lines.js";
import { own } from "../../engine/js/own.js";
import { troll } from "../../engine/js/troll.js";
import { kl, tv } from "../maths/divergences.js";
import { logSoftmax } from "../maths/plain.js";

const FLOOR = 1e-12; // least mass of a rest: trlib.divergences.REST_FLOOR
const OVERFLOW = 20; // DPPO: the log-ratio is cut here before it is exponentiated

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
  pg_is: () => alone(byLine("pg_is")()),
  ppo: () => alone(byLine("ppo")()),
  clip_higher: () => alone(byLine("dapo")()),
  cispo: () => alone(byLine("cispo")()),
  gspo: () => alone(byLine("gspo")()),
  sapo: () => alone(byLine("sapo")()),
  gmpo: () => alone(byLine("gmpo")()),
  pspo: () => alone(byLine("pspo")()),
  dppo_tv: (s) => alone(byLine("dppo_capped")(s)),
  dppo_kl: (s) => alone(byLine("dppo_kl_capped")(s)),
  dppo_topk: (s) => masked("topk", s),
  dppo_full: (s) => masked("full", s),
  quatro: () => alone(own({ formula: "r*(A - l)" })), // at a multiplier of 1
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
