/* trsft: what a student learns from an expert who may be wrong: by SFT, by TrSFT and by the reverse KL. */

import { bench, isListOf, ticksOf, number, setting, sum } from "./parts/common.js";
import { board } from "./trsft/board.js";
import { PLACES } from "./trsft/maths.js";
import { LOOKS, RIGHT, pupils, read } from "./trsft/words.js";
import { LEAST, normal, withShare } from "./maths/policy.js";
import style from "./trsft/style.css";

const checked = (value) => (isListOf(value, PLACES, PLACES) && sum(value) > PLACES * LEAST ? value : undefined);
const settings = {
  student: {
    legend: "The student",
    choices: [
      ["any", "any distribution"],
      ["hump", "one hump only"],
    ],
  },
  show: {
    fold: true,
    legend: "Ways to learn",
    ticks: ticksOf(LOOKS),
  },
  alpha: {
    label: "α",
    spoken: "alpha of TrSFT, a probability",
    rungs: [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1],
    write: setting,
    why: "α is a probability: at 0 every weight is 1, which is SFT, and above 1 even a certain token would have a smaller weight.",
  },
  steps: {
    fold: true,
    label: "steps",
    spoken: "inner steps",
    rungs: [0, 1, 2, 3, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300],
    write: String,
    whole: "steps",
    why: "no step is taken back, and after 300 the picture hardly moves.",
  },
  start: { label: "start", low: 0, high: PLACES - 1, why: "the answers are 0 to 9." },
  expert: { label: "Expert", check: checked, why: `${PLACES} probabilities are expected, none below 0.` },
};

function limit(s) {
  const expert = normal(s.expert),
    why = s.expert.some((share) => share < LEAST)
      ? `Expert: an answer that the expert never gives has no logarithm for the reverse KL; the bars begin at ${LEAST}.`
      : "Expert: the probabilities did not sum to 1; they are shown in proportion.";
  return expert === s.expert ? [] : [["expert", expert, why]];
}

const MISTAKEN = {
  expert: [0.02, 0.06, 0.25, 0.06, 0.02, 0.03, 0.1, 0.36, 0.08, 0.02],
  student: "any",
  alpha: 0.1,
  start: 4,
  steps: 300,
};

const SCATTERED = [0.05, 0.05, 0.55, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05];

export default bench({
  name: "trsft",
  title: "Learning from an expert who may be wrong",
  style,
  settings,
  limit,
  read,
  board: () => board(),
  openers: {
    expert: {
      board: () => board(true),
      choose: {
        legend: "The expert’s mistakes",
        options: [
          ["before", { expert: MISTAKEN.expert, steps: 0 }],
          ["one mistake", { expert: MISTAKEN.expert, steps: 300 }],
          ["many rare ones", { expert: SCATTERED, steps: 300 }],
        ],
      },
      verdict: pupils,
    },
  },
  hint: "Drag a bar’s ring (the expert), the triangle (the student’s start) or the ring below (α). One place is right; its bar has a colour of its own.",
  presets: [
    {
      name: "make it fail: mostly wrong",
      state: MISTAKEN,
      text: "What to notice: answer 7 is wrong, and the expert’s favourite. SFT copies it; TrSFT keeps the majority's answer and makes it more probable. No weight on imitation can tell right from wrong.",
    },
    {
      name: "make it fail: nothing is learned",
      state: {
        expert: [0.02, 0.02, 0.82, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02],
        student: "any",
        alpha: 1,
        start: 8,
        steps: 100,
      },
      text: "What to notice: the expert is right, and far from where the student is. Every weight is p/α, and p is almost 0. Lower α to 0.01, or move the student nearer.",
    },
    {
      name: "scattered mistakes",
      state: {
        expert: SCATTERED,
        student: "any",
        alpha: 0.1,
        start: 4,
        steps: 300,
      },
      text: "What to notice: the expert errs in 45 of 100 answers, each time differently. SFT errs as often. TrSFT drops every mistake, because each is rare compared with what is right.",
    },
    {
      name: "one hump",
      state: {
        expert: [0.01, 0.1, 0.28, 0.1, 0.01, 0.01, 0.1, 0.28, 0.1, 0.01],
        student: "hump",
        alpha: 0.1,
        start: 2.5,
        steps: 300,
      },
      text: "What to notice: two good answers and a student who has room for one. SFT lies across both, and over the gap; TrSFT and the reverse KL settle on the nearer.",
    },
  ],
  question: {
    text: "The expert gives the right answer in 25 of 100 cases, and one wrong answer in 36. After 300 steps, who says that wrong answer most often?",
    options: [
      ["sft", "SFT: it copies everything"],
      ["trsft", "TrSFT"],
      ["alike", "both as often as the expert"],
    ],
    right: "trsft",
    state: MISTAKEN,
    why: "SFT ends at the expert’s 0.36. TrSFT drops what the expert says rarely and shares the mass out among the rest, the favourite mistake included: it has 0.50 by now. It gives a small weight to unlikely answers, not to wrong ones.",
  },
  handles: (s, reading, size, data, shown) => [
    ...s.expert.map((share, v) => ({
      label: `Expert’s probability of answer ${v}${v === RIGHT ? ", the right one" : ""}`,
      words: shown.words(v),
      ...shown.bar(v),
      move: (x, y) => (y > shown.floor + 12 ? null : { expert: withShare(s.expert, v, shown.shareAt(y)) }),
    })),
    {
      label: "Where the student begins",
      words: number(s.start),
      ...shown.begin,
      move: (x) => ({ start: Number(shown.startAt(x).toFixed(1)) }),
    },
    { label: "Alpha", words: setting(s.alpha), ...shown.cap, move: (x) => ({ alpha: shown.alphaAt(x) }) },
  ],
});
