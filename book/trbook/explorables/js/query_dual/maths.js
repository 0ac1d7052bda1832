/* A prompt whose completions are right or wrong, of which the policy that sampled gets `k` of GROUP right. Within KL(π‖μ) the
   best policy raises the log-odds of right by 1/λ: λ is the price of a nat, in units of reward. */

import { binaryKl } from "../maths/divergences.js";
import { logSigmoid, logit } from "../maths/plain.js";

export const GROUP = 16,
  DELTA = 0.1; // nats per completion, where the fence of both prompts stands
/* `high`: a little more than is gained at the lowest price. */
export const PROMPTS = [
  { right: 2, name: "A", hue: "var(--a0)", high: 0.5 },
  { right: 14, name: "B", hue: "var(--a1)", high: 0.13 },
];
const nats = (odds, from) => binaryKl(logSigmoid(odds), logSigmoid(from));

/* The log-odds at which δ is spent; null: all on the right ones costs less than that. */
function fenceOf(from, delta) {
  if (-logSigmoid(from) <= delta) return null;
  let [low, high] = [from, from + 60];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (nats(middle, from) < delta) low = middle;
    else high = middle;
  }
  return low;
}

export function solve(k, { price, delta }) {
  const from = logit(k / GROUP),
    top = from + 1 / price,
    fence = fenceOf(from, delta);
  return { k, from, top, fence, spent: nats(top, from), reach: -logSigmoid(from), fair: fence && 1 / (fence - from) };
}

/* What is paid: the share of right completions, less the price of the distance. */
export const worth = (odds, from, price) => Math.exp(logSigmoid(odds)) - price * nats(odds, from);
