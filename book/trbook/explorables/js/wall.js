/* wall: three recorded runs of SmolLM2, which learns to add: every answer of every batch is a tile, one of the walls collapses,
   and a reader guesses which. The first screen of the book. Whatever is passed on stops where it asks. */

import { IDEAS, bench } from "./parts/common.js";
import { curves } from "./wall/curves.js";
import { walls } from "./wall/walls.js";
import { LAST, NAMES, opened, told } from "./wall/words.js";
import style from "./wall/style.css";

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
  passedOn: ({ guess }) => ({ guess }), // and no result
  read: (state, data) => ({ facts: [], verdict: told(state, opened(data)) }),
  board: () => curves(IDEAS),
  extra: ({ set, data, state }) => walls(IDEAS, { set, state, data: opened(data) }),
});
