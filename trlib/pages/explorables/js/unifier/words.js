/* What the bandit says: every distance's solution, what each costs in every other distance, and a verdict. */

import { distance, mean, number, percent, radius } from "../parts/common.js";
import { KEYS, LOOKS, amount } from "./looks.js";
import { solve } from "./maths.js";

export function read(s) {
  const solutions = KEYS.map((key) => solve(key, s.old, s.rewards, s.delta));
  for (const one of solutions) one.spent = Object.fromEntries(KEYS.map((key) => [key, distance[key](one.pi, s.old)]));
  const chosen = solutions.find(({ key }) => key === s.distance), most = Math.max(...s.rewards) - mean(s.old, s.rewards);
  const facts = [["gain, new − old", `${amount(chosen.gain)} of ${amount(most)}`], [`radius, ${LOOKS[s.distance].name}`, amount(radius(s.distance, s.delta, s.old.length))], ["the optimum", formula(s, chosen)]];
  return { solutions, chosen, facts, verdict: verdict(s, chosen, solutions) };
}

const two = (value) => String(Number(value.toPrecision(3)));
function formula(s, one) {
  if (one.flat) return "the old policy";
  if (!one.used) return "multiplier 0";
  return {
    kl_new_old: () => `r = exp((R − ${two(one.offset)})/${two(one.lambda)})`, fisher: () => `r = exp((R − ${two(one.offset)})/${two(one.lambda)})`,
    kl_old_new: () => `r = ${two(one.lambda)}/(${two(one.offset)} − R)`,
    chi2: () => (one.offset < 0 ? `r = (R + ${two(-one.offset)})/${two(one.lambda)}` : `r = max(0, R − ${two(one.offset)})/${two(one.lambda)}`),
    tv: () => "worst arms → best arm", ratio: () => `r = ${two(one.levels[0])} or ${two(one.levels[1])}`, wasserstein: () => `moves that gain ${two(one.lambda)} a place`, euclid: () => `p = q + ${two(one.slope)} (R − ν)`,
  }[one.key]();
}

const bestOf = (s) => s.rewards.indexOf(Math.max(...s.rewards));

function verdict(s, one, solutions) {
  const best = bestOf(s), gainOf = (key) => solutions.find((other) => other.key === key).gain;
  if (one.flat) return { tone: "calm", title: "Equal rewards: nothing to gain", text: "Every policy earns the same, so no radius is used and the old policy stays. A group of equal rewards teaches nothing." };
  if (!one.used) {
    return { tone: "calm", title: "All mass on the best arm; the multiplier is 0", text: `The radius is beyond what can be used: no policy earns more than ${two(s.rewards[best])}, and that one lies inside the region. A larger radius changes nothing.` };
  }
  if (s.distance === "ratio" && one.gain < gainOf("kl_new_old") / 2) {
    return { tone: "fail", title: `The ratio box cannot raise arm ${best}`, text: `It pays ${two(s.rewards[best])} and had an old probability of ${two(s.old[best])}. At most ${two(one.ratio[best])} times that is ${two(one.pi[best])}. The gain is ${amount(one.gain)}; KL(new‖old) of the same radius gains ${amount(gainOf("kl_new_old"))}.` };
  }
  if (s.distance === "fisher" && one.spent.kl_new_old > 1.5 * s.delta) {
    return { tone: "fail", title: "The natural gradient's step overshoots", text: `It takes the gain to first order and its λ is not solved for: KL(new‖old) is ${amount(one.spent.kl_new_old)} nats, not ${amount(s.delta)}. This is why TRPO searches back along the line.` };
  }
  return { tone: "calm", ...SAID[s.distance](s, one, best) };
}

const dropped = (one) => one.pi.filter((share) => share < 1e-12).length;
const counted = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
const SAID = {
  kl_new_old: (s, one) => ({ title: "Exponential in the reward", text: `Each 0.1 of reward multiplies the ratio by ${number(Math.exp(0.1 / one.lambda))}. Arms that pay more than ${two(one.offset)} grow, the others shrink, none dies.` }),
  kl_old_new: (s, one, best) => ({ title: "A hyperbola: steep at the top, gentle below", text: `r = λ/(ν − R), with ν = ${two(one.offset)} above every reward. Losing an old arm would cost infinity, so the worst keeps ${percent(Math.min(...one.ratio))} of its share; arm ${best} takes the rest.` }),
  chi2: (s, one) => ({ title: "A straight line in the reward", text: dropped(one) ? `It would go below 0, so it is cut there: ${counted(dropped(one), "arm")} at probability 0. No exponential does that.` : "r rises by the same amount for every 0.1 of reward. It is the exponential's first order, and what an advantage divided by its standard deviation asks for." }),
  fisher: (s, one) => ({ title: "Exponential, with a multiplier that is not solved for", text: `λ = σ/√(2δ) = ${two(one.lambda)}, the small-radius limit of the KL's own. It spends ${amount(one.spent.kl_new_old)} nats of KL(new‖old) for a radius of ${amount(s.delta)}.` }),
  tv: (s, one, best) => ({ title: "Mass moves from the worst arms to the best", text: `${percent(one.spent.tv)} of the probability goes to arm ${best}, r = ${number(one.ratio[best])}; ${dropped(one) ? `${counted(dropped(one), "arm")} ${dropped(one) === 1 ? "dies" : "die"}` : "no arm dies"}. TV asks who is best and worst, not by how much: the arms in between stay at r = 1.` }),
  ratio: (s, one) => ({ title: "Bang-bang: each arm at one end of its box", text: `${counted(one.ratio.filter((r) => r > 1 + one.spent.ratio - 1e-9).length, "arm")} at 1 + ε, the worst at 1 − ε, one in between makes the sum 1. An arm just above the threshold grows as much as the best.` }),
  wasserstein: (s, one, best) => ({ title: "Mass travels where a place gains most", text: `Arms are neighbours on a line. Probability goes to better arms nearby before it goes to the best far away; arm ${best} has r = ${number(one.ratio[best])}. The order of the arms matters here and nowhere else.` }),
  euclid: (s, one) => ({ title: "The same step for a rare arm and a common one", text: `p − q is a straight line in the reward, whatever q is${dropped(one) ? `, cut at 0: ${counted(dropped(one), "arm")} lost` : ""}. The ratios lie on no curve: rare arms jump, common ones hardly move.` }),
};
