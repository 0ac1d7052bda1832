/* What the bandit says: every distance's solution, what each costs in every other distance, and a verdict. */

import { mean, number, percent, calm } from "../parts/common.js";
import { KEYS, LOOKS, MEASURES, amount, ballsOf } from "./looks.js";
import { clippedObjective, limitOf, solve, spentIn } from "./maths.js";

export function read(s) {
  const solutions = KEYS.map((key) => solve(key, s.old, s.rewards, s.delta, s));
  for (const one of solutions)
    one.spent = Object.fromEntries(Object.keys(MEASURES).map((key) => [key, spentIn(key, one.pi, s.old, s.cost)]));
  const chosen = solutions.find(({ key }) => key === s.distance),
    most = Math.max(...s.rewards) - mean(s.old, s.rewards);
  const facts = [
    ...ballsOf(s).map((key) => [
      `gain, ${LOOKS[key].name}`,
      `${amount(solutions.find((one) => one.key === key).gain)} of ${amount(most)}`,
    ]),
    region(s, chosen),
    ["the optimum", formula(s, chosen)],
    ["methods that aim at it", LOOKS[s.distance].of],
  ];
  return { solutions, chosen, facts, verdict: verdict(s, chosen, solutions) };
}

/* What the card is allowed, or for a target what it takes. */
function region(s, one) {
  if (one.key === "target") return ["least KL(new‖old)", amount(one.spent.kl_new_old)];
  const limit = amount(limitOf(one.key, s.delta, s.old.length));
  return [one.key === "ppo" ? "window ε" : `radius, ${LOOKS[one.key].name}`, limit];
}

const two = (value) => (value < 0 ? "−" : "") + String(Number(Math.abs(value).toPrecision(3)));
function formula(s, one) {
  if (one.flat) return "the old policy";
  if (!one.used) return "multiplier 0";
  return {
    kl_new_old: () => `r = exp((R − ${two(one.offset)})/${two(one.lambda)})`,
    fisher: () => `r = exp((R − ${two(one.offset)})/${two(one.lambda)})`,
    kl_old_new: () => `r = ${two(one.lambda)}/(${two(one.offset)} − R)`,
    target: () => `r = exp(${two(one.slope)} (R − ${two(one.offset)}))`,
    chi2: () =>
      one.offset < 0
        ? `r = (R + ${two(-one.offset)})/${two(one.lambda)}`
        : `r = max(0, R − ${two(one.offset)})/${two(one.lambda)}`,
    tv: () => "worst arms → best arm",
    ratio: () => `r = ${two(one.levels[0])} or ${two(one.levels[1])}`,
    ppo: () => `arm ${bestOf(s)} from ${two(one.least)} on`,
    wasserstein: () => `moves that gain ${two(one.lambda)} ${per(s)}`,
    entropic: () => `softmax of ${two(s.lam / one.lambda)} (R − ${two(one.lambda)} d)`,
    euclid: () => `p = q + ${two(one.slope)} (R − ν)`,
  }[one.key]();
}

const per = (s) => (s.cost === "one" ? "each" : "a place");
const bestOf = (s) => s.rewards.indexOf(Math.max(...s.rewards));

function verdict(s, one, solutions) {
  const best = bestOf(s),
    gainOf = (key) => solutions.find((other) => other.key === key).gain;
  if (one.flat)
    return calm(
      "Equal rewards: nothing to gain",
      "Every policy has the same reward, so no radius is used and the old policy stays. Nothing is learned from a group of equal rewards.",
    );
  if (!one.used && one.key === "target") {
    return calm(
      `Only ${one.worst ? "the worst" : "the best"} arm has this expected reward`,
      `All mass is on it. KL(new‖old) is −log of what it had: ${amount(one.spent.kl_new_old)} nats.`,
    );
  }
  if (!one.used) {
    return calm(
      "All mass on the best arm; the multiplier is 0",
      `The radius is beyond what can be used: no policy has more than ${two(s.rewards[best])}, and that one lies inside the region. A larger radius changes nothing.`,
    );
  }
  const failure = FAILS[s.distance]?.(s, one, best, gainOf);
  return failure ? { tone: "fail", ...failure } : { tone: "calm", ...SAID[s.distance](s, one, best) };
}

/* Where a card visibly fails: what it says then, else nothing. */
const FAILS = {
  ratio: (s, one, best, gainOf) =>
    one.gain < gainOf("kl_new_old") / 2 && {
      title: `The ratio box cannot raise arm ${best}`,
      text: `It pays ${two(s.rewards[best])} and had an old probability of ${two(s.old[best])}. At most ${two(one.ratio[best])} times that is ${two(one.pi[best])}. The gain is ${amount(one.gain)}; KL(new‖old) of the same radius gains ${amount(gainOf("kl_new_old"))}.`,
    },
  fisher: (s, one) =>
    one.spent.kl_new_old > 1.5 * s.delta && {
      title: "The natural gradient's step overshoots",
      text: `It takes the gain to first order and its λ is not solved for: KL(new‖old) is ${amount(one.spent.kl_new_old)} nats, not ${amount(s.delta)}. This is why TRPO searches back along the line.`,
    },
  ppo: (s, one, best) => {
    const eps = one.levels[1] - 1;
    return (
      one.spent.ratio > 1.5 * eps && {
        title: "PPO's clip does not keep the policy in the box",
        text: `Past 1 ± ε its objective is flat: anything from ${two(one.least)} to ${two(one.pi[best])} on arm ${best} counts the same, ${two(clippedObjective(one.pi, s.old, s.rewards, eps))}. The picture shows the end of that range, ${two(one.ratio[best])} times the old probability. A run stays nearer because its gradient is 0 there; no gradient brings it back.`,
      }
    );
  },
  entropic: (s, one) => {
    const limit = limitOf("entropic", s.delta, s.old.length);
    return (
      one.spent.wasserstein > 1.5 * limit && {
        title: "The entropy offsets the transport cost",
        text: `The Sinkhorn distance subtracts H/λ from the cost. At λ = ${two(s.lam)} a radius of ${amount(limit)} lets the policy move by ${amount(one.spent.wasserstein)}, ${two(one.spent.wasserstein / limit)} times as far. A larger λ brings Wasserstein's ball back.`,
      }
    );
  },
};

const dropped = (one) => one.pi.filter((share) => share < 1e-12).length;
const counted = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

/* Transport's price is that of its last journeys, at which an arm may be worth as much in two places. */
function tied(s, { split, lambda }) {
  if (!split) return "";
  return ` At the multiplier ${two(lambda)} ${per(s)} arm ${split.of}'s probability is worth as much on arm ${split.from} as on arm ${split.to}: ${percent(split.part)} of it goes on, so that the budget is met.`;
}
const SAID = {
  kl_new_old: (s, one) => ({
    title: "Exponential in the reward",
    text: `Each 0.1 of reward multiplies the ratio by ${number(Math.exp(0.1 / one.lambda))}. Arms that pay more than ${two(one.offset)} grow, the others shrink, and none reaches 0.`,
  }),
  kl_old_new: (s, one, best) => ({
    title: "A hyperbola: steep at the top, gentle below",
    text: `r = λ/(ν − R), with ν = ${two(one.offset)} above every reward. Losing an old arm would cost infinity, so the worst keeps ${percent(Math.min(...one.ratio))} of its share; arm ${best} takes the rest.`,
  }),
  chi2: (s, one) => ({
    title: "A straight line in the reward",
    text: `${dropped(one) ? `It would go below 0, so it is cut there: ${counted(dropped(one), "arm")} at probability 0. No exponential does that.` : "r rises by the same amount for every 0.1 of reward. It is the exponential's first order, and what an advantage divided by its standard deviation asks for."} As R2VPO's penalty on (r − 1)² its weight is ${two(one.lambda / 2)}.`,
  }),
  fisher: (s, one) => ({
    title: "Exponential, with a multiplier that is not solved for",
    text: `λ = σ/√(2δ) = ${two(one.lambda)}, the small-radius limit of the KL's own. It spends ${amount(one.spent.kl_new_old)} nats of KL(new‖old) for a radius of ${amount(s.delta)}.`,
  }),
  tv: (s, one, best) => ({
    title: "Mass moves from the worst arms to the best",
    text: `${percent(one.spent.tv)} of the probability goes to arm ${best}, r = ${number(one.ratio[best])}; ${dropped(one) ? `${counted(dropped(one), "arm")} ${dropped(one) === 1 ? "reaches" : "reach"} 0` : "no arm reaches 0"}. TV asks who is best and worst, not by how much: the arms in between stay at r = 1.`,
  }),
  ratio: (s, one) => ({
    title: "Bang-bang: each arm at one end of its box",
    text: `${counted(one.ratio.filter((r) => r > 1 + one.spent.ratio - 1e-9).length, "arm")} at 1 + ε, the worst at 1 − ε, one in between makes the sum 1. An arm just above the threshold grows as much as the best. PPO's loss does not keep to this box: see its card.`,
  }),
  wasserstein: (s, one, best) => ({
    title:
      s.cost === "one" ? "The transport cost is 1 everywhere: this is TV" : "Mass travels where a place gains most",
    text: `${s.cost === "one" ? "Nothing is near or far, so probability goes to the best arm, from the worst arms first." : `Arms are neighbours on a line: probability goes to better arms nearby before it goes to the best far away; arm ${best} has r = ${number(one.ratio[best])}.`}${tied(s, one)}`,
  }),
  entropic: (s, one) => ({
    title: "Every share spreads, more of it to good and near arms",
    text: `A softmax in place of WPO's one destination. The entropy offsets the cost of spreading, so the policy has moved by ${amount(one.spent.wasserstein)} for a radius of ${amount(limitOf("entropic", s.delta, s.old.length))}. The larger λ, the closer to Wasserstein.`,
  }),
  target: (s, one) =>
    one.slope < 0
      ? {
          title: `Unlearning: the least change to an expected reward of ${two(s.target)}`,
          text: `The old policy has ${two(mean(s.old, s.rewards))}, so η = ${two(one.slope)} is below 0 and the tilt leans to the worse arms. It is the same curve, followed backwards: no radius leads there.`,
        }
      : {
          title: `The least change to an expected reward of ${two(s.target)}`,
          text: `It takes ${amount(one.spent.kl_new_old)} nats of KL(new‖old), and a radius of that size leads to the same policy. A target and a radius are two names for the places of one curve.`,
        },
  ppo: (s, one, best) => ({
    title: "Flat beyond the window",
    text: `PPO's objective is the same for anything from ${two(one.least)} to ${two(one.pi[best])} on arm ${best}. Here that is not far outside the box.`,
  }),
  euclid: (s, one) => ({
    title: "The same step for a rare arm and a common one",
    text: `p − q is a straight line in the reward, whatever q is${dropped(one) ? `, cut at 0: ${counted(dropped(one), "arm")} lost` : ""}. The ratios lie on no curve: rare arms jump, common ones hardly move.`,
  }),
};
