/* Whether two columns of log-probs are shifted against each other by one token: `trcheck.diagnose.alignment` in JavaScript. */

import { map, mean, pick, total, where } from "./numbers.js";
import judgement from "../../../../../trcheck/diagnose/judgement.json" with { type: "json" };

const { ALIGNED, LEAST_PAIRS } = judgement.constants;

export function align(r) {
  const { mask, completion, logp_rollout: sampler } = r,
    learner = r.logp_old ?? r.logp,
    here = where(mask.length, (i) => mask[i]);
  const first = where(mask.length - 1, (i) => mask[i] && mask[i + 1] && completion[i] === completion[i + 1]),
    next = first.map((i) => i + 1);
  return {
    pairs: first.length,
    before: correlation(pick(learner, first), pick(sampler, next)),
    same: correlation(pick(learner, here), pick(sampler, here)),
    after: correlation(pick(learner, next), pick(sampler, first)),
  };
}

export function correlation(a, b) {
  if (a.length < 3) return null;
  const middleA = mean(a),
    middleB = mean(b);
  const product = (one, m, other, k) => total(map(one, (x, i) => (x - m) * (other[i] - k)));
  const size = Math.sqrt(product(a, middleA, a, middleA)) * Math.sqrt(product(b, middleB, b, middleB));
  return size > 1e-12 * a.length ? product(a, middleA, b, middleB) / size : null;
}

const fisher = (c) => Math.atanh(Math.max(Math.min(c, 1 - 1e-12), -1 + 1e-12));

export function shiftOf(a) {
  if (a.pairs < LEAST_PAIRS || a.same === null) return 0;
  let best = 0,
    where = 0;
  for (const [value, side] of [
    [a.before, -1],
    [a.after, 1],
  ]) {
    if (value !== null && (!where || value > best || (value === best && side > where))) [best, where] = [value, side];
  }
  return best > ALIGNED && fisher(best) - fisher(a.same) > 4 * Math.sqrt(2 / (a.pairs - 3)) ? where : 0;
}
