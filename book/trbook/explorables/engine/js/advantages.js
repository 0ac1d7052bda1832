/* From the rewards of a group to advantages: trlib.advantages, on plain numbers. Computed from the differences to the
   group's largest reward, so that equal rewards give exactly 0. */

import { average, sum } from "../../js/maths/plain.js";

const STD_FLOOR = 1e-6; // added to a standard deviation before dividing by it

function belowTheLargest(rewards) {
  const most = Math.max(...rewards);
  return rewards.map((r) => r - most);
}

function centred(rewards) {
  const below = belowTheLargest(rewards),
    middle = average(below);
  return below.map((r) => r - middle);
}

/* Each from the rewards and lengths of one prompt's completions to their advantages. */
export const ADVANTAGES = {
  "group-std": (rewards) => {
    const apart = centred(rewards),
      deviation = Math.sqrt(sum(apart.map((x) => x * x)) / (rewards.length - 1));
    return apart.map((x) => x / (deviation + STD_FLOOR));
  },
  "group-mean": (rewards) => centred(rewards),
  "leave-one-out": (rewards) => {
    const below = belowTheLargest(rewards),
      total = sum(below);
    return below.map((r) => r - (total - r) / (rewards.length - 1));
  },
  "length-weighted": (rewards, lengths) => {
    const below = belowTheLargest(rewards),
      shares = sum(lengths) ? lengths : lengths.map(() => 1);
    const baseline = sum(below.map((r, i) => r * shares[i])) / sum(shares);
    return below.map((r) => r - baseline);
  },
  "right-only": (rewards) => centred(rewards).map((x) => Math.max(0, x)),
  "wrong-only": (rewards) => centred(rewards).map((x) => Math.min(0, x)),
  reward: (rewards) => [...rewards],
  "mixed-reward": (rewards) => (rewards.some((r) => r !== rewards[0]) ? [...rewards] : rewards.map(() => 0)),
  "plus-minus": (rewards) => rewards.map((r) => 2 * r - 1),
};

/* Those that compare with a spread or with others need two completions. */
export const NEEDS_TWO = new Set(["group-std", "leave-one-out"]);

/* DAPO's soft limit: from 0 outside the last `buffer` share of the token limit to 1 at it. */
export function overlongPenalty(length, limit, buffer) {
  if (buffer === 0) return 0;
  return Math.min(1, Math.max(0, (length - (1 - buffer) * limit) / (buffer * limit)));
}
