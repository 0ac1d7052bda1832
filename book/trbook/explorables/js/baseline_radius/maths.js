/* A push with a baseline, followed to its end: trbook.bandit by the same names. No drawing here. */

import { mean } from "../maths/distances.js";
import { logSoftmax, sum } from "../maths/plain.js";

const RATE = 0.5;

/* log pi after some steps of gradient ascent on E_mu[(R - b) log pi]; the logits begin at log mu. */
export function pushed(mu, rewards, baseline, steps, rate = RATE) {
  const push = mu.map((share, i) => share * (rewards[i] - baseline)),
    whole = sum(push),
    z = mu.map(Math.log),
    p = [...mu]; // as yet not divided by its sum
  for (let step = 0; step < steps; step++) {
    const top = Math.max(...z);
    let total = 0;
    for (let i = 0; i < z.length; i++) total += p[i] = Math.exp(z[i] - top);
    for (let i = 0; i < z.length; i++) z[i] += rate * (push[i] - (whole * p[i]) / total);
  }
  return logSoftmax(z);
}

/* Where that ends: mu (R - b) / (J - b), projected onto the policies; from the mean reward on there is no such place. */
export function pushLimit(mu, rewards, baseline) {
  const held = mean(mu, rewards) - baseline;
  if (!(held > 1e-12)) return null;
  const x = mu.map((share, i) => (share * (rewards[i] - baseline)) / held),
    order = [...x].sort((a, b) => b - a);
  let total = 0,
    taken = 0;
  order.forEach((value, i) => {
    total += value;
    if (value > (total - 1) / (i + 1)) taken = (total - 1) / (i + 1);
  });
  return x.map((value) => Math.max(value - taken, 0));
}

/* KL(mu || pi*) for rewards 1 and 0 with mean J: finite while b is below 0. */
export const reach = (J, b) => (b < 0 ? J * Math.log((J - b) / (1 - b)) + (1 - J) * Math.log((J - b) / -b) : Infinity);
