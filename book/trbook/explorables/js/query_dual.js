/* query_dual: a fence and a price. For two prompts, what a policy gains and what its distance costs: one radius, two prices. */

import { bench, setting } from "./parts/common.js";
import { board } from "./query_dual/board.js";
import { GROUP, solve } from "./query_dual/maths.js";
import { read, short } from "./query_dual/words.js";
import style from "./query_dual/style.css";

const COUNTS = Array.from({ length: GROUP - 1 }, (_, i) => i + 1);
const count = (name) => ({
  label: `${name} right`,
  spoken: `right completions of prompt ${name}, of ${GROUP}`,
  fold: true,
  rungs: COUNTS,
  write: (k) => `${k} of ${GROUP}`,
  whole: "completions",
  why: "a group that is all right or all wrong has nothing to choose between.",
});
const settings = {
  price: {
    label: "price λ",
    spoken: "price lambda of a nat, in units of reward",
    rungs: [0.1, 0.15, 0.2, 0.25, 0.3, 0.36, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3],
    write: setting,
    low: 0.01,
    high: 10,
    why: "a price of 0 has no limit.",
  },
  delta: {
    label: "fence δ, nats",
    spoken: "radius delta, in nats per completion",
    fold: true,
    rungs: [0.01, 0.02, 0.05, 0.1, 0.2, 0.3],
    low: 0.001,
    high: 3,
    write: setting,
    why: "a divergence is above 0, and beyond 3 nats no group of 16 has a fence.",
  },
  right: count("A"),
  other: count("B"),
};
const USUAL = { delta: 0.1, right: 2, other: 14 };

export default bench({
  name: "query_dual",
  title: "A fence and a price: how far may a prompt's completions move?",
  style,
  settings,
  read,
  board,
  openers: { price: { control: "price", verdict: short } },
  hint: "Move the price until a dot, the top of its hill, stands at its fence.",
  presets: [
    {
      name: "make it fail: A's price for both",
      state: { ...USUAL, price: 0.9 },
      text: "What to notice: at this price A stops at its fence. B needs a lower one: most of its completions are right already, so it stops short.",
    },
    {
      name: "B's price for both",
      state: { ...USUAL, price: 0.36 },
      text: "What to notice: now B stops at its fence, and A, which has more to gain from every nat, jumps over its own.",
    },
    {
      name: "15 of 16 right",
      state: { ...USUAL, other: 15, price: 0.1 },
      text: "What to notice: all that B can spend is log(16/15) = 0.065 nats, less than the fence allows, so every price lets it go to the end. Then lower the fence under More settings.",
    },
    {
      name: "a near fence",
      state: { ...USUAL, delta: 0.01, other: 2, price: 3 },
      text: "What to notice: two prompts alike have one price. A nearer fence needs a higher one.",
    },
  ],
  question: {
    text: "A has 2 of 16 right, B has 14 of 16. Both have the same fence, 0.1 nats away. Whose price must be higher, to stop at the fence?",
    options: [
      ["a", "A's"],
      ["b", "B's"],
      ["same", "neither: one fence, one price"],
    ],
    right: () => (solve(2, { price: 1, ...USUAL }).fair > solve(14, { price: 1, ...USUAL }).fair ? "a" : "b"),
    state: { ...USUAL, price: 0.9 },
    why: "Every nat gains A more reward, because most of its completions are wrong: at a low price it would run over the fence. B has little left to gain, and a low price is enough to hold it.",
  },
});
