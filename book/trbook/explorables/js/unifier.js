/* unifier: one bandit, every distance, one radius; the exact optimum of each beside the old policy. */

import { bench, clamp, probability, setting } from "./parts/common.js";
import { DELTA } from "./simplex/looks.js";
import { board } from "./unifier/board.js";
import { gallery } from "./unifier/gallery.js";
import { FEW, KEYS, LEAST, LOOKS, MANY, atMostOne, normal, policyIn, rewardsIn, withShare } from "./unifier/looks.js";
import { read } from "./unifier/words.js";
import style from "./unifier/style.css";

const settings = {
  distance: {
    legend: "Distance",
    label: "distance",
    fold: true,
    check: (value) => (KEYS.includes(value) ? value : undefined),
    why: `it is none of ${KEYS.join(", ")}.`,
    list: () => KEYS.map((key) => [key, `${LOOKS[key].name}: ${LOOKS[key].shape}`]),
  },
  balls: {
    label: "Distances side by side",
    check: (value) =>
      Array.isArray(value) && value.length && value.every((key) => KEYS.includes(key)) ? value : undefined,
    why: `some of ${KEYS.join(", ")} are expected.`,
  },
  delta: { ...DELTA, shown: (s) => s.distance !== "target" },
  target: {
    label: "target",
    spoken: "target return",
    shown: (s) => s.distance === "target",
    rungs: Array.from({ length: 21 }, (_, i) => i / 20),
    why: "rewards lie between 0 and 1, and so does a policy's expected reward.",
  },
  lam: {
    label: "λ",
    spoken: "lambda of the Sinkhorn distance, per place",
    shown: (s) => s.distance === "entropic",
    rungs: [0.5, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100],
    low: 0.2,
    high: 500,
    why: "below 0.2 the entropy outweighs every transport cost, and above 500 the distance is Wasserstein's.",
  },
  cost: {
    legend: "Transport cost",
    choices: [
      ["line", "the places between"],
      ["one", "1, wherever"],
    ],
    shown: (s) => s.distance === "wasserstein" || s.distance === "entropic",
  },
  rewards: { label: "Rewards", check: rewardsIn, why: `${FEW} to ${MANY} numbers from 0 to 1 are expected.` },
  old: { label: "Old policy", check: policyIn, why: `${FEW} to ${MANY} probabilities are expected, none below 0.` },
};

function limit(s) {
  const n = Math.min(s.old.length, s.rewards.length),
    found = [];
  const old = normal(s.old.slice(0, n)),
    rewards = atMostOne(s.rewards.slice(0, n));
  if (s.old.length !== s.rewards.length)
    found.push([
      "rewards",
      rewards,
      `${s.old.length} probabilities and ${s.rewards.length} rewards make no bandit; the first ${n} arms are shown.`,
    ]);
  else if (s.rewards.some((reward, i) => reward <= 1 && reward !== rewards[i]))
    found.push(["rewards", rewards, "Rewards: they are shown to four digits."]);
  else if (s.rewards.some((reward) => reward > 1))
    found.push(["rewards", rewards, "Rewards: they lie between 0 and 1 here, and larger ones are shown as 1."]);
  const earned =
    s.rewards.length === s.old.length && s.distance === "target"
      ? clamp(s.target, Math.min(...rewards), Math.max(...rewards))
      : s.target;
  if (earned !== s.target)
    found.push([
      "target",
      earned,
      `No policy has an expected reward of ${setting(s.target)} here: the arms pay from ${setting(Math.min(...rewards))} to ${setting(Math.max(...rewards))}.`,
    ]);
  if (old !== s.old && s.old.some((share) => share < LEAST)) {
    found.push([
      "old",
      old,
      `Old policy: an arm of probability 0 is never tried, so no ratio can raise it and one of the two KLs forbids it for ever. The bandit begins at ${LEAST}.`,
    ]);
  } else if (n < s.old.length || Math.abs(s.old.reduce((a, b) => a + b, 0) - 1) >= 1e-9)
    found.push(["old", old, "Old policy: the probabilities did not sum to 1; they are shown in proportion."]);
  return found;
}

const RARE = { old: [0.3, 0.25, 0.2, 0.15, 0.09, 0.01], rewards: [0.3, 0.34, 0.26, 0.32, 0.22, 1], delta: 0.125 };
const LINE = { old: [0.2, 0.25, 0.2, 0.2, 0.15], rewards: [0.1, 0.5, 0.2, 0.65, 1], delta: 0.3 };
const EVEN = { old: [0.15, 0.15, 0.2, 0.2, 0.15, 0.15], rewards: [0, 0.2, 0.4, 0.6, 0.8, 1] };

const PRESETS = [
  {
    name: "make it fail: a rare best arm",
    state: { ...RARE, distance: "ratio" },
    text: "What to notice: one percent times 1.5 is one and a half percent, however good the arm is. Compare KL and TV: their optima raise arm 5 at least fivefold.",
  },
  {
    name: "exponential or straight",
    state: { ...EVEN, distance: "kl_new_old", delta: 0.3 },
    text: "What to notice: equal steps of reward multiply r by equal factors. Now choose χ² (More settings): equal steps add, and the worst arm is cut off at 0.",
  },
  {
    name: "mass moves",
    state: { ...EVEN, distance: "tv", delta: 0.08 },
    text: "What to notice: only the worst arms and the best one change. Drag a reward in the middle: until it is best or worst, nothing moves.",
  },
  {
    name: "PPO's clip is no box",
    state: { ...EVEN, distance: "ppo", delta: 0.02 },
    text: "What to notice: the dotted lines are the window. Arm 5 stands far above it and three arms far below, at the best value that PPO's objective has. Choose the ratio box: that is what the window is taken for.",
  },
  {
    name: "near or far",
    state: { ...LINE, distance: "wasserstein", cost: "line" },
    text: "What to notice: arm 0 sends its probability to arm 1, its better neighbour, not to the best arm. Now set the transport cost to 1 everywhere: the picture becomes that of TV.",
  },
  {
    name: "soft transport",
    state: { ...LINE, distance: "entropic", cost: "line", lam: 1 },
    text: "What to notice: with a small λ the entropy offsets the transport cost, and the policy moves further than the radius says. Raise λ, and the picture becomes Wasserstein's.",
  },
  {
    name: "a target, no radius",
    state: { ...EVEN, distance: "target", target: 0.8 },
    text: "What to notice: the bars are an exponential tilt. Read the least KL, choose KL(new‖old) and set δ close to it: the same policy. Then set a target below the old return.",
  },
];
/* Those of the distances that stand side by side at first; PPO's clip, beside the box that it is taken for. */
const beside = (data, first) =>
  PRESETS.filter(({ state: { distance } }) => !first || first.balls.includes(distance === "ppo" ? "ratio" : distance));

export default bench({
  name: "unifier",
  title: "One radius, another distance: which policy is best?",
  style,
  settings,
  limit,
  read,
  board,
  extra: gallery,
  hint: "Choose a distance. Drag a dot (an arm's reward) or a ring (its old probability).",
  presets: beside,
  question: {
    text: "Arm 5 pays 1.00, arm 1 pays 0.50. In the ratio box (ε = 0.5), how much more is arm 5's share multiplied?",
    options: [
      ["line", "twice as much, like the reward"],
      ["more", "much more, exponentially"],
      ["same", "not at all: both by 1.5"],
    ],
    right: "same",
    state: {
      distance: "ratio",
      delta: 0.125,
      old: [0.25, 0.2, 0.2, 0.15, 0.12, 0.08],
      rewards: [0.2, 0.5, 0.05, 0.65, 0.35, 1],
    },
    why: "The box has corners, and the optimum of a linear gain sits in one: bang-bang. Which arms are above the threshold matters, how far above does not.",
  },
  handles: (s, reading, size, data, shown) => [
    ...s.rewards.map((reward, i) => ({
      label: `Reward of arm ${i}`,
      words: setting(reward),
      ...shown.dot(i),
      move: (x) => ({ rewards: s.rewards.map((own, k) => (k === i ? Number(shown.rewardAt(x).toFixed(2)) : own)) }),
    })),
    ...s.old.map((share, i) => ({
      label: `Old probability of arm ${i}`,
      words: probability(share),
      ...shown.ring(i),
      move: (x, y) => ({ old: withShare(s.old, i, shown.shareAt(y)) }),
    })),
  ],
});
