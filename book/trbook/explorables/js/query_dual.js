/* query_dual: a fence and a price. For two prompts, what a policy gains and what its distance costs: one radius, two prices. */

import { bench, calm, setting } from "./parts/common.js";
import { board } from "./query_dual/board.js";
import { DELTA, PROMPTS, solve } from "./query_dual/maths.js";
import style from "./query_dual/style.css";

const NEAR = 1.05; // of the fence, as a factor

function where({ spent }) {
  if (spent > NEAR * DELTA) return "jumps over its fence";
  return spent < DELTA / NEAR ? "stops short of its fence" : "stops at its fence";
}

function read({ price }) {
  const prompts = PROMPTS.map(({ right, name }) => ({ name, ...solve(right, { price, delta: DELTA }) })),
    [a, b] = prompts.map(where),
    found = prompts.filter((one) => where(one) === "stops at its fence").map(({ name }) => name);
  const verdict = calm(
    a === b ? `At a price of ${setting(price)} each ${a}` : `At a price of ${setting(price)} A ${a}, and B ${b}`,
    found.length
      ? `This is the right price for ${found.join(" and ")}. Then the fence could go: the price alone would stop it there.`
      : "Move the price until one of the dots stands at its fence.",
  );
  return { prompts, facts: [], verdict };
}

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
