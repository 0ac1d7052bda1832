/* query_dual: a fence and a price. For two prompts, what a policy gains and what its distance costs: one radius, two prices. */

import { bench, setting } from "./parts/common.js";
import { board } from "./query_dual/board.js";
import { read } from "./query_dual/words.js";
import style from "./query_dual/style.css";

export default bench({
  name: "query_dual",
  title: "A fence and a price: how far may a prompt's completions move?",
  opener: true,
  control: "price",
  style,
  settings: {
    price: {
      label: "price λ",
      spoken: "price lambda of a nat, in units of reward",
      rungs: [0.2, 0.25, 0.3, 0.36, 0.4, 0.5, 0.6, 0.7, 0.8, 0.93, 1, 1.2, 1.5, 2, 3],
      write: setting,
      low: 0.01,
      high: 10,
      why: "a price of 0 has no limit.",
    },
  },
  read,
  board,
});
