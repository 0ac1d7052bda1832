/* wall: three recorded runs of SmolLM2, which learns to add: every answer of every batch is a tile, one of the walls goes out,
   and a reader guesses which. The first screen of the book. */

import { LANES, bench, dashOf, hueOf } from "./parts/common.js";
import { curves } from "./wall/curves.js";
import { walls } from "./wall/walls.js";
import { LAST, NAMES, opened, told } from "./wall/words.js";
import style from "./wall/style.css";

const LOOKS = Object.fromEntries(
  Object.entries(LANES).map(([key, [, method]]) => [key, { hue: hueOf(method), dash: dashOf(method) }]),
);

export default bench({
  name: "wall",
  title: "Three copies of one model learn to add: which one do you trust?",
  style,
  settings: {
    guess: {
      label: "guess",
      check: (value) => ["", ...NAMES].find((name) => name === String(value).toUpperCase()),
      why: `the walls are ${NAMES.join(", ")}.`,
    },
    batch: { label: "batch", low: 1, high: LAST, whole: "batches", why: `${LAST} batches were recorded.` },
  },
  read: (state, data) => ({ facts: [], verdict: told(state, opened(data)) }),
  board: () => curves(LOOKS),
  extra: ({ set, data, state }) => walls(LOOKS, { set, state, data: opened(data) }),
});
