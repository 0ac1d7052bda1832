/* What the state says: where the policy is, where it ends, and a verdict. No drawing here. */

import { calm, fail, kl, mean, number, probability } from "../parts/common.js";
import { pushLimit, pushed, reach } from "./maths.js";

export const REWARDS = [0, 1, 0, 1, 0, 0]; // of six answers, the second and the fourth are right
export const LEFT = -2.5,
  RIGHT = 1;
export const nats = (value) => number(value, { decimals: (size) => (size >= 10 ? 0 : size >= 0.1 ? 2 : 3) });

const right = (pi) => mean(pi, REWARDS);
const GRID = [LEFT, -2, -1.5, -1, -0.75, ...Array.from({ length: 31 }, (_, i) => (i - 10) / 20)];

/* By baseline, how far these steps lead: the same while only b is dragged. */
let known = { of: "", line: [] };
function lineOf(mu, steps) {
  const of = JSON.stringify([mu, steps]),
    far = (b) => kl(mu.map(Math.log), pushed(mu, REWARDS, b, steps));
  if (known.of !== of) known = { of, line: GRID.map((b) => [b, far(b)]) };
  return known.line;
}

export function read(s) {
  const { sampler: mu, baseline: b, steps } = s,
    J = right(mu),
    logPi = pushed(mu, REWARDS, b, steps),
    pi = logPi.map(Math.exp),
    limit = pushLimit(mu, REWARDS, b),
    now = steps ? kl(mu.map(Math.log), logPi) : 0;
  const state = { J, pi, limit, now, top: pi.indexOf(Math.max(...pi)), hold: J - b, end: reach(J, b) };
  const facts = [
    ["mean reward J", probability(J)],
    ["mean weight J − b", number(Number((J - b).toFixed(4)))],
    ["right now", probability(right(pi))],
    ["right in the end", limit ? probability(right(limit)) : J - b > -1e-9 ? "1" : "no closed form"],
    ["KL(μ‖π) now", nats(now), "var(--ink)", "4 3"],
    ["in the end", nats(state.end), "var(--a0)", ""],
  ];
  return { ...state, line: lineOf(mu, steps), facts, verdict: verdict(s, state) };
}

function verdict({ sampler: mu, baseline: b, steps }, { J, pi, limit, top, hold }) {
  const weights = mu.map((share, i) => share * REWARDS[i]),
    most = weights.indexOf(Math.max(...weights));
  if (steps === 0)
    return calm(
      "Nothing has moved yet",
      "The first step is the same for every b. Where later steps lead depends on b: take more steps.",
    );
  if (b < 0)
    return calm(
      "A radius: the policy ends at a finite distance from the sampler",
      "In the end each answer has μ (R − b)/(J − b). With a lower b the policy stays closer to the sampler.",
    );
  if (b === 0)
    return calm(
      "Rejection sampling: only right answers are learned",
      "It ends at the sampler without its wrong answers. They fade ever more slowly, so KL(μ‖π) has no bound.",
    );
  if (hold > 1e-9)
    return fail(
      "No radius: wrong answers lose probability for ever",
      `Only the number of steps limits how far it goes. Of the right answers, ${most + 1} ends with ${probability(limit[most])}, where b = 0 gives it ${probability(mu[most] / J)}.`,
    );
  if (hold > -1e-9)
    return fail(
      "No radius: no penalty keeps the policy near the sampler",
      `Only the number of steps limits how far it goes. The mean weight is 0, and with it the KL penalty. Of the right answers the likeliest is left in the end: ${most + 1} has ${probability(pi[most])} by now.`,
    );
  const astray = !REWARDS[top] && pi[top] > 0.5,
    gone = `The mean weight is negative: a KL penalty with the wrong sign. Answer ${top + 1} has ${probability(pi[top])} by now`;
  return astray
    ? fail(
        "Driven away, to a wrong answer",
        `${gone}. Likelier wrong answers lost more probability, and this one gained it.`,
      )
    : fail(
        "Driven away from the sampler",
        `${gone}. In the end one answer has all the probability${b > J / (1 - J) ? ", and it can be a wrong one" : ", one of the right ones"}.`,
      );
}
