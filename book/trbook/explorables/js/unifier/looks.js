/* How each distance is named and written, and which bandits can be shown. No drawing here. */

import { clamp, hueOf, isListOf, number, sum } from "../parts/common.js";

/* of: the methods of the book and its gallery whose step this is. */
export const LOOKS = {
  kl_new_old: { name: "KL(new‖old)", shape: "exponential", of: "MDPO, REBEL, LCO, QUATRO", hue: hueOf("kl") },
  kl_old_new: { name: "KL(old‖new)", shape: "hyperbola", of: "TRPO", hue: hueOf("kl") },
  target: { name: "target return", shape: "exponential, for a return", of: "COUNTERPOL", hue: hueOf("kl") },
  fisher: { name: "natural step", shape: "exponential, first order", of: "natural gradient", hue: hueOf("fisher") },
  chi2: { name: "χ²", shape: "straight line", of: "R2VPO", hue: hueOf("chi2") },
  euclid: { name: "Euclid", shape: "line in p, not in r", of: "projected gradient", hue: hueOf("euclid") },
  tv: { name: "TV", shape: "mass moves", of: "DPPO’s unit; WPO at cost 1", hue: hueOf("tv") },
  wasserstein: { name: "Wasserstein", shape: "mass travels", of: "WPO", hue: hueOf("wasserstein") },
  entropic: { name: "entropic", shape: "mass travels softly", of: "SPO", hue: hueOf("wasserstein") },
  ratio: { name: "ratio box", shape: "bang-bang", of: "the box of PPO’s ε", hue: hueOf("ratio") },
  ppo: { name: "PPO’s clip", shape: "flat beyond the window", of: "PPO, GRPO, DAPO", hue: hueOf("ppo") },
};
export const KEYS = Object.keys(LOOKS);

/* The few that are compared, with the chosen one. */
export const ballsOf = (s) => [...s.balls, ...(s.balls.includes(s.distance) ? [] : [s.distance])];

/* The distances that every optimum is measured in. */
export const MEASURES = {
  kl_new_old: "KL(new‖old)",
  kl_old_new: "KL(old‖new)",
  chi2: "χ²",
  fisher: "Fisher",
  tv: "TV",
  ratio: "max |r − 1|",
  wasserstein: "Wasserstein",
  euclid: "Euclid",
};

export const amount = (value) =>
  number(value, { powers: 1e-4, decimals: (size) => (size >= 10 ? 1 : size >= 1 ? 2 : 3) });

export const LEAST = 0.001,
  FEW = 5,
  MANY = 7;

export const policyIn = (value) => (isListOf(value, FEW, MANY) && sum(value) > MANY * LEAST ? value : undefined);
export const rewardsIn = (value) => (isListOf(value, FEW, MANY) ? value : undefined);

/* A policy of which every arm has at least LEAST, the sum 1 to the last of the four digits that an address carries. */
export function normal(q) {
  if (q.every((share) => share >= LEAST) && Math.abs(sum(q) - 1) < 1e-9) return q;
  const most = Math.max(...q),
    whole = most > 1 ? q.map((share) => share / most) : q; // a sum of any numbers is one
  const left = whole.map((share) => Math.max(share - LEAST, 0)),
    above = left.some((x) => x > 0) ? left : left.map(() => 1),
    total = sum(above);
  const found = above.map((share) => Number((LEAST + ((1 - q.length * LEAST) * share) / total).toFixed(4)));
  const largest = found.indexOf(Math.max(...found));
  found[largest] = Number((1 - sum(found.filter((_, i) => i !== largest))).toFixed(4));
  return found;
}

/* One arm's old probability set, the others in proportion. */
export function withShare(q, arm, share) {
  const wanted = clamp(share, LEAST, 1 - 2 * LEAST * q.length),
    rest = 1 - q[arm];
  return normal(q.map((x, i) => (i === arm ? wanted : (x * (1 - wanted)) / rest)).map((x) => x + 1e-7));
}

/* Rewards as they can be shown: at most 1, to four digits, because a difference of 1e-300 is none. */
export const atMostOne = (rewards) => rewards.map((reward) => Math.min(Number(reward.toFixed(4)), 1));
