/* How far a new policy p is from an old one q: two lists of probabilities over the same few tokens (or arms). Each is
   what trlib.divergences computes where it has it. No drawing here. */

import { kl } from "./divergences.js";
import { sum } from "./plain.js";

export const mean = (q, values) => sum(q.map((share, i) => share * values[i]));
export const variance = (q, values) => {
  const middle = mean(q, values);
  return mean(
    q,
    values.map((value) => (value - middle) ** 2),
  );
};

const logs = (shares) => shares.map(Math.log);

/* Tokens on a line at 0, 1, 2, ...: what must cross each gap, added up. */
function wasserstein(p, q) {
  let crossing = 0,
    total = 0;
  for (let i = 0; i < p.length - 1; i++) {
    crossing += p[i] - q[i];
    total += Math.abs(crossing);
  }
  return total;
}

/* ½ Var_q(log p/q): half the Fisher metric of the logits' step. Infinite where p drops a token. */
const fisher = (p, q) =>
  p.some((share) => share === 0)
    ? Infinity
    : variance(
        q,
        p.map((share, i) => Math.log(share / q[i])),
      ) / 2;

export const distance = {
  kl_old_new: (p, q) => kl(logs(q), logs(p)),
  kl_new_old: (p, q) => kl(logs(p), logs(q)),
  chi2: (p, q) => sum(p.map((share, i) => (share - q[i]) ** 2 / q[i])),
  fisher,
  tv: (p, q) => sum(p.map((share, i) => Math.abs(share - q[i]))) / 2,
  ratio: (p, q) => Math.max(...p.map((share, i) => Math.abs(share / q[i] - 1))),
  wasserstein,
};

/* The radius of each region that belongs to a KL radius delta. With rho = √(2 delta):
   χ² and the Fisher form are the KL's own second order. Ratio, χ² and TV bound the maximum, the root mean square and
   the mean of |r - 1| under the old policy, so at the same rho each lies inside the next, and by Pinsker's inequality
   the TV ball holds both KL balls. Wasserstein: as much probability as TV, one place along the line. */
export function radius(key, delta) {
  const rho = Math.sqrt(2 * delta);
  return { chi2: 2 * delta, tv: rho / 2, ratio: rho, wasserstein: rho / 2 }[key] ?? delta;
}

/* The root of a rising function on [low, high] by Newton's steps, halving wherever one would leave the bracket.
   f(x) gives [value, slope]. The end where the function stays below 0 is its own answer. */
export function risingRoot(f, low, high, guess = (low + high) / 2) {
  let x = guess;
  for (let step = 0; step < 200; step++) {
    const [value, slope] = f(x);
    if (value === 0) return x;
    if (value > 0) high = x;
    else low = x;
    let next = x - value / slope;
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (Math.abs(next - x) <= 2e-16 * Math.abs(x) || next === low || next === high) return next;
    x = next;
  }
  return x;
}
