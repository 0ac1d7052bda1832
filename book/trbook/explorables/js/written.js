/* written: what SmolLM2 writes while it learns, breaks and holds: three recorded runs, batch by batch. */

import { LANES, bench, dashOf, hueOf } from "./parts/common.js";
import { board } from "./written/board.js";
import { lanes } from "./written/lanes.js";
import { addsUp, after, verdict } from "./written/words.js";
import style from "./written/style.css";

const LOOKS = Object.fromEntries(
    Object.entries(LANES).map(([key, [, method]]) => [key, { hue: hueOf(method), dash: dashOf(method) }]),
  ),
  LAST = 16,
  FEW = 4; // batches of an arrow key with Shift

const sumOf = (prompt) => prompt.split(" + ").reduce((all, number) => all + Number(number), 0);
const opened = new WeakMap();
const of = (data) => opened.get(data) ?? opened.set(data, { ...data, totals: data.prompts.map(sumOf) }).get(data);

export default bench({
  name: "written",
  title: "Read what it writes",
  hint: "Press play, or drag the batch.",
  style,
  settings: (data) => ({
    total: {
      label: "sum",
      check: (value) => of(data).totals.find((total) => String(total) === String(value)),
      why: `the sums that were asked for are ${of(data).totals.join(", ")}.`,
    },
    batch: { label: "batch", low: 0, high: LAST, whole: "batches", why: "16 batches were recorded." },
  }),
  read: (state, data) => ({ facts: [], verdict: verdict(state, of(data)) }),
  board: () => board(LOOKS),
  extra: ({ set, data, state }) => lanes(LOOKS, { set, state, data: of(data) }),
  handles: ({ batch }, reading, size, data, shown) => {
    const { x, y, every, batchAt } = shown.place();
    return [
      {
        label: "Batch",
        words: after(batch),
        x,
        y,
        move: (pixel) => ({ batch: batchAt(pixel) }),
        next: (from, [right, down], far) => ({ ...from, x: from.x + (right - down) * every * (far ? FEW : 1) }),
      },
    ];
  },
  presets: [
    {
      name: "before training",
      state: { total: 63, batch: 0 },
      text: "What to notice: the three answers are one answer, and the model talks instead of adding. Press play.",
    },
    {
      name: "far ahead",
      state: { total: 86, batch: 5 },
      text: "What to notice: after the same five batches once writes a single step, and eight times writes both, and adds up.",
    },
    {
      name: "make it fail",
      state: { total: 86, batch: 13 },
      text: "What to notice: the zeros of 6O and 9O are letters. Go on to the end: words follow.",
    },
    {
      name: "the clip wavers",
      state: { total: 86, batch: 10 },
      text: "What to notice: with the clip words come too, and three batches later they are gone. It holds, but not still.",
    },
  ],
  question: {
    text: "Two of the runs end with 21 + 37 + 33 = 91, which is right. How many of the two steps before it add up?",
    options: [
      [2, "both"],
      [1, "one of the two"],
      [0, "neither"],
    ],
    right: (data) => addsUp(data.lanes[0].said[LAST][0][0]).filter(Boolean).length,
    why: "Both runs write 21 + 37 = 68, ten too many, and then 68 + 33 = 91, ten too few. The mistakes cancel, and a reward for the last number cannot see them.",
    state: { total: 91, batch: LAST },
  },
});
