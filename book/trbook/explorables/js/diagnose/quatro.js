/* QUATRO's dual of every group: how far a KL of `delta` nats lets its completions go. `trlib.algorithms.quatro` in
   JavaScript, the backward direction. */

import { solveDual } from "../maths/dual.js";

const FLOOR = 1e-2; // of the multiplier, in units of reward

/* rewards, group: [B]; present: [B], whether a token of the completion counts. -> { multiplier, target }, [B] each */
export function solveGroups(rewards, group, present, delta) {
  const multiplier = new Float64Array(rewards.length),
    target = new Float64Array(rewards.length),
    members = new Map();
  for (let i = 0; i < rewards.length; i++) {
    if (!present[i]) continue;
    if (!members.has(group[i])) members.set(group[i], []);
    members.get(group[i]).push(i);
  }
  for (const index of members.values()) {
    const own = index.map((i) => rewards[i]);
    const solved = solveDual(own, { delta_kl: delta, lambda_min: FLOOR, direction: "backward" });
    index.forEach((i, k) => {
      multiplier[i] = solved.multiplier;
      target[i] = solved.target[k];
    });
  }
  return { multiplier, target };
}
