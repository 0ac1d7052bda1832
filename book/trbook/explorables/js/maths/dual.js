/* QUATRO's dual of one prompt: trlib.algorithms.quatro.solve_dual on plain numbers.

   backward, KL(π || μ) <= δ: λ solves KL(softmax(R/λ) || 1/G) = δ; target log(G softmax(R/λ)).
   forward, KL(μ || π) <= δ: the best π is μ λ/(ν - R), a factor with mean 1 and mean log of -δ; target log(λ/(ν - R)). */

import { average } from "./plain.js";

const SMALLEST = -300; // least logarithm of ν - max R
const positive = (x) => Math.max(x, 1e-300);

/* { multiplier, target, floored }: λ in units of reward per nat, the log-ratio that each completion should reach, and
   whether λ stands at its floor. Equal rewards teach nothing: all 0. */
export function solveDual(rewards, { delta_kl: delta, lambda_min: floor, direction }) {
  const most = Math.max(...rewards),
    gap = rewards.map((r) => most - r);
  if (!(Math.max(...gap) > 0)) return { multiplier: 0, target: rewards.map(() => 0), floored: false };
  return direction === "forward" ? forward(gap, delta) : backward(gap, delta, floor);
}

function backward(gap, delta, floor) {
  const target = (logMultiplier) => {
    const x = gap.map((g) => -g * Math.exp(-logMultiplier)),
      top = Math.max(...x);
    const whole = top + Math.log(x.reduce((sum, v) => sum + Math.exp(v - top), 0));
    return x.map((v) => v - whole + Math.log(gap.length));
  };
  const excess = (logMultiplier) => {
    const t = target(logMultiplier),
      u = t.map(Math.exp);
    const kl = positive(average(t.map((v, i) => u[i] * v - Math.expm1(v))));
    const middle = average(t.map((v, i) => u[i] * v));
    return [Math.log(kl / delta), -average(t.map((v, i) => u[i] * (v - middle) ** 2)) / kl];
  };
  const low = Math.log(floor),
    floored = excess(low)[0] <= 0;
  const high = Math.log(Math.max(...gap)) - 0.5 * Math.log(8 * delta); // Hoeffding: here the KL has come down to δ
  const at = floored ? low : decreasingRoot(excess, low, high);
  return {
    multiplier: floored ? floor : Math.exp(at),
    target: target(at),
    floored,
  };
}

function forward(gap, delta) {
  const solution = (logG) => {
    const distance = gap.map((x) => Math.exp(logG) + x),
      multiplier = 1 / average(distance.map((x) => 1 / x));
    return {
      multiplier,
      target: distance.map((x) => Math.log(multiplier) - Math.log(x)),
    };
  };
  const excess = (logG) => {
    const { multiplier, target } = solution(logG);
    const kl = positive(average(target.map((v) => Math.expm1(v) - v)));
    const spread = average(target.map((v) => Math.exp(v) * Math.expm1(v)));
    return [Math.log(kl / delta), ((-Math.exp(logG) / multiplier) * spread) / kl];
  };
  const width = Math.sqrt(8 * delta),
    worse = gap.filter((x) => x > 0),
    share = 1 - worse.length / gap.length;
  const high = Math.log(Math.max(...gap)) - width - Math.log(-Math.expm1(-width));
  const others = worse.reduce((sum, x) => sum + Math.log(x), 0) / gap.length;
  const low = (Math.log(share) + others - delta) / (1 - share);
  const [from, to] = [Math.max(SMALLEST, Math.min(low, high)), Math.max(SMALLEST, high)];
  return { ...solution(decreasingRoot(excess, from, to)), floored: false };
}

/* Where the decreasing f, which gives value and slope, is 0: Newton's step inside the bracket, else bisection. */
function decreasingRoot(f, low, high) {
  let x = high;
  for (let pass = 0; pass < 100; pass++) {
    const [value, slope] = f(x);
    if (value > 0) low = x;
    else high = x;
    const step = -value / slope,
      size = 1 + Math.abs(x);
    if (!(Math.abs(step) > 1e-13 * size && high - low > 1e-15 * size)) break;
    x = x + step >= low && x + step <= high ? x + step : 0.5 * (low + high);
  }
  return x;
}
