/* What the state says: where the policy is, where it ends, and a verdict. No drawing here. */

import { calm, fail, kl, mean, number, probability, whole } from "../parts/common.js";
import { pushLimit, pushed, reach } from "./maths.js";

export const REWARDS = [0, 1, 0, 1, 0, 0]; // of six answers, the second and the fourth are right
export const LEFT = -2.5,
  RIGHT = 1;
export const nats = (value) => number(value, { decimals: (size) => (size >= 10 ? 0 : size >= 0.1 ? 2 : 3) });

const right = (pi) => mean(pi, REWARDS);
const GRID = [LEFT, -2, -1.5, -1, -0.75, ...Array.from({ length: 31 }, (_, i) => (i - 10) / 20)];

/* By baseline, how far these steps lead: the same while only V is dragged. */
let known = { of: "", line: [] };
function lineOf(mu, steps) {
  const of = JSON.stringify([mu, steps]),
    far = (V) => kl(mu.map(Math.log), pushed(mu, REWARDS, V, steps));
  if (known.of !== of) known = { of, line: GRID.map((V) => [V, far(V)]) };
  return known.line;
}

export function read(s) {
  const { sampler: mu, baseline: V, steps } = s,
    J = right(mu),
    logPi = pushed(mu, REWARDS, V, steps),
    pi = logPi.map(Math.exp),
    limit = pushLimit(mu, REWARDS, V),
    now = steps ? kl(mu.map(Math.log), logPi) : 0;
  const state = { J, pi, limit, now, top: pi.indexOf(Math.max(...pi)), hold: J - V, end: reach(J, V) };
  const facts = [
    ["mean reward J", probability(J)],
    ["mean push J − V", number(Number((J - V).toFixed(4)))],
    ["right now", probability(right(pi))],
    ["right in the end", limit ? probability(right(limit)) : J - V > -1e-9 ? "1" : "no closed form"],
    ["KL(μ‖π) now", nats(now), "var(--ink)", "4 3"],
    ["in the end", nats(state.end), "var(--h5)", ""],
  ];
  return { ...state, line: lineOf(mu, steps), facts, verdict: verdict(s, state) };
}

function verdict({ sampler: mu, baseline: V, steps }, { J, pi, limit, now, top, hold, end }) {
  const so = `after ${whole(steps)} ${steps === 1 ? "step" : "steps"} it is ${nats(now)} nats away`,
    here = `A${so.slice(1)}`,
    weights = mu.map((share, i) => share * REWARDS[i]),
    most = weights.indexOf(Math.max(...weights));
  if (steps === 0)
    return calm(
      "Nothing has moved yet",
      "The first step is the same for every V. Where the next ones lead is not: take more.",
    );
  if (V < 0)
    return calm(
      `A radius: it ends ${nats(end)} nats from the sampler`,
      `${here}. In the end it is right with probability ${probability(right(limit))}, and each answer has μ (R − V)/(J − V). A lower V holds it closer.`,
    );
  if (V === 0)
    return calm(
      "Rejection sampling: only right answers are learned",
      `It ends at the sampler without its wrong answers. They fade ever more slowly, so KL(μ‖π) has no bound: ${so}.`,
    );
  if (hold > 1e-9)
    return fail(
      "No radius: wrong answers are pushed down for ever",
      `${here}, and only the number of steps holds it. Of the right answers, ${most + 1} ends with ${probability(limit[most])}, where V = 0 gives it ${probability(mu[most] / J)}.`,
    );
  if (hold > -1e-9)
    return fail(
      "No radius: nothing pulls it back to the sampler",
      `${here}, and only the number of steps holds it. The mean push is 0, and with it the KL penalty. Of the right answers the likeliest is left in the end: ${most + 1} has ${probability(pi[most])} by now.`,
    );
  const astray = !REWARDS[top] && pi[top] > 0.5,
    gone = `The mean push is negative: a KL penalty with the wrong sign. ${here}, and answer ${top + 1} has ${probability(pi[top])}`;
  return astray
    ? fail(
        "Driven away, to a wrong answer",
        `${gone}. Likelier wrong answers were pushed down harder, and it took what they lost.`,
      )
    : fail(
        "Driven away from the sampler",
        `${gone}. Which answer takes everything in the end is a race, and a wrong one can win.`,
      );
}
