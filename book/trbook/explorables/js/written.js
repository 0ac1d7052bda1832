/* written: what SmolLM2 writes while it learns, breaks and holds: three recorded runs of one sum, and one scrubber over
   their batches. The first screen of the book. */

import { LANES, bench, dashOf, hueOf } from "./parts/common.js";
import { board } from "./written/board.js";
import { lanes } from "./written/lanes.js";
import { verdict } from "./written/words.js";
import style from "./written/style.css";

const LOOKS = Object.fromEntries(
    Object.entries(LANES).map(([key, [, method]]) => [key, { hue: hueOf(method), dash: dashOf(method) }]),
  ),
  LAST = 16;

const sumOf = (prompt) => prompt.split(" + ").reduce((all, number) => all + Number(number), 0);
const opened = new WeakMap();
const of = (data) => opened.get(data) ?? opened.set(data, { ...data, totals: data.prompts.map(sumOf) }).get(data);

export default bench({
  name: "written",
  title: "Read what a language model writes while it learns to add",
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
  extra: ({ set, data, state, board: below }) =>
    lanes(LOOKS, { set, state, data: of(data), touched: () => below.show() }),
});
