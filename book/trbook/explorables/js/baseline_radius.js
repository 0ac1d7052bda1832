/* baseline_radius: rewards less a baseline b, with the sampler held fixed: b decides how far the policy goes. */

import { bench, isListOf, number, probability, sum } from "./parts/common.js";
import { board } from "./baseline_radius/board.js";
import { LEFT, REWARDS, RIGHT, read } from "./baseline_radius/words.js";
import { LEAST, normal, withShare } from "./maths/policy.js";
import style from "./baseline_radius/style.css";

const settings = {
  baseline: {
    label: "b",
    spoken: "baseline b, which is taken from every reward",
    rungs: Array.from({ length: 71 }, (_, i) => Number((LEFT + i / 20).toFixed(2))),
    write: number,
    why: `rewards are 0 and 1; the axis goes from ${LEFT} to ${RIGHT}.`,
  },
  steps: {
    label: "steps",
    spoken: "steps of gradient ascent",
    rungs: [0, ...Array.from({ length: 13 }, (_, i) => 2 ** i)],
    write: String,
    whole: "steps",
    why: "no step is taken back, and 4096 show where it goes.",
  },
  sampler: {
    label: "Sampler",
    check: (value) =>
      isListOf(value, REWARDS.length, REWARDS.length) && sum(value) > REWARDS.length * LEAST ? value : undefined,
    why: "six probabilities are expected, none below 0.",
  },
};

function limit({ sampler }) {
  const sane = normal(sampler),
    why = `Sampler: each answer has at least ${LEAST}, because one that is never sampled has no gradient, and together they have 1.`;
  return sane === sampler ? [] : [["sampler", sane, why]];
}

const USUAL = [0.34, 0.12, 0.24, 0.08, 0.14, 0.08],
  HARD = [0.6, 0.03, 0.2, 0.02, 0.1, 0.05];
const at = (baseline, sampler = USUAL) => ({ sampler, baseline, steps: 1024 });

export default bench({
  name: "baseline_radius",
  title: "A baseline is a radius",
  style,
  settings,
  limit,
  read,
  board,
  hint: "Drag the lower ring (the baseline b) to the right, past 0 and past J. The rings above are the sampler.",
  presets: [
    {
      name: "rewards 1 and 0",
      state: at(0),
      text: "What to notice: without a baseline no update decreases an answer’s probability. Wrong answers become rare because right ones become likely: in the end the policy is the sampler without its wrong answers.",
    },
    {
      name: "less the group’s mean",
      state: at(0.2),
      text: "What to notice: the mean weight is 0, so nothing limits how far the policy moves. It is right, and of two right answers it has kept one. Then take fewer steps: only their number limits it.",
    },
    {
      name: "1 and −1",
      state: at(0.5),
      text: "What to notice: 1 and −1 are twice 1/2 and −1/2, a baseline of 1/2, which is above the mean here. The policy is driven away from the sampler.",
    },
    {
      name: "make it fail: 1 and −1, hard prompt",
      state: at(0.5, HARD),
      text: "What to notice: the right answers have 0.05. The update decreases wrong answer 1 most; answer 3, as wrong, gains what it loses. Then set b to 0.05, the mean, or to 0.",
    },
    {
      name: "a shift of 0.3",
      state: at(-0.1),
      text: "What to notice: a baseline 0.3 below the mean is below 0 here, so the policy ends at a finite distance. On an easier prompt, with J above 0.3, the same shift leaves b above 0, and there is no radius.",
    },
    {
      name: "far below: b = −2",
      state: at(-2),
      text: "What to notice: the update increases all sampled answers almost alike, so the policy hardly moves. This is a strong KL penalty towards the sampler.",
    },
  ],
  question: {
    text: "On a hard prompt 5 of 100 answers are right. With rewards of 1 and 0 the policy learns the right answers. Where does the policy go if the same rewards are written as 1 and −1?",
    options: [
      ["same", "to the right answers, as before"],
      ["faster", "there as well, and faster"],
      ["wrong", "to a wrong answer"],
    ],
    right: "wrong",
    state: at(0.5, HARD),
    why: "1 and −1 are a baseline of 1/2. The mean weight is then −0.45, a KL penalty with the wrong sign. The update decreases the likeliest wrong answer most, and another wrong one gains what it loses.",
  },
  handles: (s, reading, size, data, shown) => [
    ...s.sampler.map((share, i) => ({
      label: `Sampler’s probability of answer ${i + 1}, which is ${REWARDS[i] ? "right" : "wrong"}`,
      words: probability(share),
      ...shown.bar(i),
      move: (x, y) => (y > shown.floor + 12 ? null : { sampler: withShare(s.sampler, i, shown.shareAt(y)) }),
    })),
    {
      label: "Baseline b",
      words: number(s.baseline),
      ...shown.dot,
      move: (x) => ({ baseline: shown.baselineAt(x) }),
    },
  ],
});
