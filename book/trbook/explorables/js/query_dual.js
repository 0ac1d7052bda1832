/* query_dual: QUATRO's constraint for two prompts, each solved by itself: multiplier, targets, against GRPO. */

import { bench, isListOf } from "./parts/common.js";
import { FEWEST, MOST, board, right, rightOf } from "./query_dual/board.js";
import { PROMPTS, read } from "./query_dual/words.js";
import style from "./query_dual/style.css";

const rewardsIn = (value) => (isListOf(value, FEWEST, MOST, 0, 1) ? value : undefined);
const why = `${FEWEST} to ${MOST} rewards from 0 to 1 are expected.`;
const settings = {
  direction: {
    legend: "Which divergence is bounded",
    fold: true,
    choices: [
      ["backward", "KL(π‖μ)", "backward"],
      ["forward", "KL(μ‖π)", "forward"],
    ],
  },
  delta: {
    label: "δ, nats",
    spoken: "radius delta, in nats per completion",
    rungs: [0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.13, 0.2, 0.3, 0.5, 1, 2],
    write: (value) => String(Number(value.toPrecision(2))),
    high: 3,
    why: "a divergence is not negative, and beyond 3 nats a group of 16 has long been spent.",
  },
  lambda_min: {
    label: "λ, floor",
    fold: true,
    spoken: "floor of the multiplier",
    rungs: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1],
    write: (value) => String(Number(value.toPrecision(2))),
    high: 10,
    why: "a floor lies above 0; here between 0.001 and 10.",
    shown: (s) => s.direction === "backward",
  },
  rewards: { label: "Rewards of A", check: rewardsIn, why },
  other: { label: "Rewards of B", check: rewardsIn, why },
};

export default bench({
  name: "query_dual",
  title: "One radius, two prompts: how far should each completion move?",
  style,
  settings,
  read,
  board,
  hint: "Drag a prompt's ring: how many are right. Filled bars are what each completion should reach, outlines GRPO's advantage times √(2δ), the thick lines the other direction of the KL.",
  presets: [
    {
      name: "make it fail: 15 of 16 right",
      state: { rewards: right(15, 16), other: right(8, 16), delta: 0.1, lambda_min: 0.01, direction: "backward" },
      text: "What to notice: all that A can spend is log(16/15) = 0.065 nats, so no multiplier spends δ. It falls to the floor, and the one wrong completion is asked to fall by 100 nats. B keeps its radius. Then take a δ below 0.065, or choose the other direction under More settings.",
    },
    {
      name: "the other direction",
      state: { rewards: right(15, 16), other: right(8, 16), delta: 0.1, direction: "forward" },
      text: "What to notice: KL(μ‖π) grows without end as the wrong completion becomes rare, so every radius has a root and no floor is needed. The wrong completion is asked to fall by 2.5 nats.",
    },
    {
      name: "equal rewards",
      state: { rewards: right(8, 8), other: right(4, 8), delta: 0.1, direction: "backward" },
      text: "What to notice: A has nothing to choose between, so it has no bar. GRPO's advantages are 0 there as well.",
    },
    {
      name: "radius 0",
      state: { rewards: right(1, 8), other: right(7, 8), delta: 0, direction: "backward" },
      text: "What to notice: both duals fall for ever, so no multiplier is best, and nothing may move. Then raise δ by one step.",
    },
    {
      name: "tiny radius: GRPO",
      state: { rewards: right(2, 8), other: right(4, 8), delta: 0.0001, direction: "backward" },
      text: "What to notice: bars, outlines and the other direction are one. Now widen δ: the three part, and on the side of the rarer outcome first.",
    },
  ],
  question: {
    text: "Prompt B has 7 of 8 right. With δ = 0.1 its wrong completion is asked to fall by 2.6 nats. How far with δ = 0.13?",
    options: [
      ["root", "3.0 nats: the target grows as √δ"],
      ["twice", "more than 5 nats"],
      ["same", "2.6 nats still"],
    ],
    right: "twice",
    state: { rewards: right(1, 8), other: right(7, 8), delta: 0.13, lambda_min: 0.01, direction: "backward" },
    why: "√δ is the law of small radii. This group can spend log(8/7) = 0.134 nats at most, by giving up its wrong completion for good. The nearer δ comes to that, the further the wrong one is sent: by 5.5 nats at 0.13, and on to the floor beyond 0.134.",
  },
  handles: (s, reading, size, data, shown) =>
    PROMPTS.map(({ key, name }, prompt) => ({
      label: `Right completions of prompt ${name}`,
      words: `${rightOf(s[key])} of ${s[key].length}`,
      ...shown.handle(prompt),
      move: (x) => ({ [key]: right(shown.countAt(prompt, x), s[key].length) }),
      next: ({ x, y }, [dx, dy]) => ({ x: x + (dx - dy) * shown.slot(prompt), y }),
    })),
});
