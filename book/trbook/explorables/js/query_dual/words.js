/* What a pair of prompts says. */

import { number, setting, calm, fail } from "../parts/common.js";
import { GROUP, solve } from "./maths.js";

export const PROMPTS = [
  { key: "right", name: "A", hue: "var(--a0)" },
  { key: "other", name: "B", hue: "var(--a1)" },
];

export function read(s) {
  const prompts = PROMPTS.map(({ key, name }) => ({ name, ...solve(s[key], s) }));
  const facts = prompts.flatMap(({ name, fair, spent }) => [
    [`${name}: the right price`, fair ? number(fair) : "none"],
    [`${name}: KL, nats`, number(spent)],
  ]);
  return { prompts, facts, verdict: verdict(s, prompts) };
}

const NEAR = 1.2; // of the fence, as a factor
function where({ fence, spent }, delta) {
  if (fence === null) return "has no fence in reach";
  if (spent > NEAR * delta) return "jumps over its fence";
  return spent < delta / NEAR ? "stops short of its fence" : "stops at its fence";
}

function verdict({ price, delta }, prompts) {
  const [a, b] = prompts.map((one) => where(one, delta)),
    lost = prompts.find(({ fence }) => fence === null);
  if (lost)
    return fail(
      `Prompt ${lost.name} has no fence in reach`,
      `With ${lost.k} of ${GROUP} right, even a policy that is always right is only ${lost.reach.toFixed(3)} nats away, and ${setting(delta)} are allowed. No price is low enough. QUATRO stops at a floor.`,
    );
  const title =
    a === b ? `At a price of ${setting(price)} each ${a}` : `At a price of ${setting(price)} A ${a}, and B ${b}`;
  return (a === b ? calm : fail)(
    title,
    "A fence and a price have the same effect if the price is right. But each prompt has a right price of its own, so QUATRO computes one per prompt.",
  );
}

/* The same in an opener, which gives no price away before it is found. */
export function short({ delta }, { prompts, verdict: { tone, title } }) {
  const found = prompts.filter((one) => where(one, delta) === "stops at its fence").map(({ name }) => name);
  return {
    tone,
    title,
    text: found.length
      ? `This is the right price for ${found.join(" and ")}. Then the fence could go: the price alone would stop it there.`
      : "Move the price until one of the dots stands at its fence.",
  };
}
