/* What each box of the loop does, and what a group of completions shows there; every number is the group's own. */

import { inRow, number, fail, calm, sum } from "../parts/common.js";

export const BOXES = ["rollout", "advantage", "objective", "update"];
export const WHAT = {
  rollout: { says: "the policy samples", who: [["trapo"]] },
  advantage: { says: "the verifier judges", who: [["grpo", "gae"]] },
  objective: {
    says: "what the loss asks",
    who: [
      ["ppo", "dppo"],
      ["quatro", "troll"],
    ],
  },
  update: { says: "how parameters move", who: [["trpo"]] },
};

export const signed = (value) => (value > 0 ? `+${number(value)}` : number(value));
export const chance = (p) => (p >= 0.01 ? `${(100 * p).toFixed(1)}%` : `${(100 * p).toFixed(p >= 0.001 ? 2 : 3)}%`);
export const ratio = (row) => row.after / row.before;
const total = (rows, key) => sum(rows.map((row) => row[key]));
const even = (group) => group.rows.every((row) => row.advantage === 0);

/* Two sentences on a box, and what goes in and comes out for this group. */
export function told(box, group, lr) {
  const { rows } = group,
    tokens = total(rows, "tokens"),
    mean = total(rows, "reward") / rows.length;
  if (box === "rollout") {
    return {
      text: "The policy samples several completions of one prompt, each token at random from the policy's own distribution. These are all its data: it can learn only from what it samples.",
      into: `the prompt ${group.prompt.replace(/ =$/, "")}`,
      out: `${rows.length} completions, ${tokens} tokens with their end tokens`,
    };
  }
  if (box === "advantage") {
    return {
      text: "The verifier reads the last number: reward 1 if it is right, else 0. The advantage A is the reward minus the mean of the group.",
      into: `${rows.length} completions; the right number is ${group.answer}`,
      out: `rewards ${inRow(rows.map((row) => String(row.reward)))}, mean ${number(mean)}`,
    };
  }
  if (box === "objective") {
    return {
      text: "The objective makes a loss of advantages and log-probabilities. Its gradient gives every token a weight w, by which log p of the token is increased or decreased; in the plain policy gradient w = A.",
      into: `${rows.length} advantages, ${tokens} log-probabilities`,
      out: `one weight per token; loss ${number(group.loss)}`,
    };
  }
  return {
    text: "The optimizer moves the parameters once, and the probability of each completion changes by a ratio r, new over old. The new policy samples the next batch: this one is now a little stale.",
    into: even(group)
      ? "a gradient of length 0"
      : `one gradient, of length ${number(group.gradient)}; learning rate ${lr}`,
    out: even(group)
      ? "the same policy: every r is 1"
      : `a new policy: r from ${number(Math.min(...rows.map(ratio)))} to ${number(Math.max(...rows.map(ratio)))}`,
  };
}

/* What can be learned from this group. */
export function verdict(name, group) {
  const best = group.rows.find((row) => row.reward === 1),
    last = group.rows[group.rows.length - 1];
  if (even(group)) {
    return fail(
      "Nothing moves",
      `All rewards are ${group.rows[0].reward}, so all are equal to their mean: every advantage is 0, every weight is 0, and every ratio is 1. The group cost as many tokens as any other, and nothing is learned from it.`,
    );
  }
  if (name === "luck") {
    return fail(
      "Rewarded for a guess",
      `“${best.text}” guessed, and was right. The verifier cannot tell, so a guess becomes ${number(ratio(best))} times as probable. Only over many prompts is the mean reward of guessing lower than that of calculating.`,
    );
  }
  return calm(
    "Right answers become more probable, wrong ones less",
    `The last number alone decides: “${last.text}” wrote down every place, slipped once, and has the same negative weight as a bare guess.`,
  );
}
