/* What a price says of two prompts, of which it gives no right price away before that is found. */

import { calm, setting } from "../parts/common.js";
import { DELTA, solve } from "./maths.js";

/* `high`: a little more than is gained at the lowest price. */
export const PROMPTS = [
  { right: 2, name: "A", hue: "var(--a0)", high: 0.5 },
  { right: 14, name: "B", hue: "var(--a1)", high: 0.13 },
];
const NEAR = 1.05; // of the fence, as a factor

function where({ spent }) {
  if (spent > NEAR * DELTA) return "jumps over its fence";
  return spent < DELTA / NEAR ? "stops short of its fence" : "stops at its fence";
}

export function read({ price }) {
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
