/* What a pair of prompts says: both solutions, the facts beside the picture, and the verdict. */

import { number, setting, fail, calm } from "../parts/common.js";
import { firstOrder, reach, solve, spentOn } from "./maths.js";

export const PROMPTS = [
  { key: "rewards", name: "A", hue: "var(--a0)", dash: "" },
  { key: "other", name: "B", hue: "var(--a1)", dash: "7 3" },
];
const OPPOSITE = { backward: "forward", forward: "backward" };

export const signed = (value) => (Math.abs(value) < 1e-12 ? "0" : `${value > 0 ? "+" : ""}${number(value)}`);
const multiplier = (value) => (value === Infinity ? "∞" : value === 0 ? "0" : number(value));
const share = (rewards) =>
  rewards.every((r) => r === 0 || r === 1)
    ? `${rewards.filter((r) => r === 1).length} of ${rewards.length} right`
    : `${rewards.length} rewards`;

function group(rewards, s) {
  const solved = solve(rewards, s),
    equal = rewards.every((r) => r === rewards[0]);
  const turned = solve(rewards, { ...s, direction: OPPOSITE[s.direction] }),
    first = firstOrder(rewards, s.delta);
  const live = !equal && s.delta > 0;
  const best = rewards.indexOf(Math.max(...rewards)),
    worst = rewards.indexOf(Math.min(...rewards));
  const off = live
    ? Math.max(...solved.target.map((t, i) => Math.abs(t - first[i]))) / Math.max(...first.map(Math.abs))
    : 0;
  return {
    ...solved,
    rewards,
    equal,
    turned: turned.target,
    first,
    best,
    worst,
    off,
    says: share(rewards),
    reach: reach(rewards),
    spent: live ? spentOn(solved.target, s.direction) : 0,
  };
}

export function read(s) {
  const groups = PROMPTS.map(({ key }) => group(s[key], s));
  /** @type {[string, (one: any) => string][]} */
  const rows = [
    ["λ", (one) => multiplier(one.multiplier)],
    ["KL spent", (one) => number(one.spent)],
    ["target of its worst", (one) => signed(one.target[one.worst])],
  ];
  const facts = rows.flatMap(([words, of]) => groups.map((one, i) => [`${PROMPTS[i].name}: ${words}`, of(one)]));
  return { groups, facts, verdict: verdict(s, groups) };
}

function verdict(s, groups) {
  const named = groups.map((one, i) => ({ ...one, name: PROMPTS[i].name }));
  if (s.delta === 0)
    return fail(
      "A radius of 0 allows nothing",
      "Only the policy that sampled is within 0 nats of itself. As δ falls to 0 the multiplier grows without end and every target goes to 0. trlib refuses the setting: delta_kl must be above 0.",
    );
  const stuck = named.find((one) => one.floored);
  if (stuck) {
    const wide = stuck.reach <= s.delta,
      why = wide
        ? `The group can be moved by ${stuck.reach.toFixed(3)} nats at most, all of it on its best, and δ allows ${setting(s.delta)}: so the constraint has no effect.`
        : "The root lies below the floor.";
    return fail(
      `Prompt ${stuck.name} is at the floor`,
      `${why} λ is ${setting(s.lambda_min)}, the floor, and its worst completion is asked to fall by ${number(-stuck.target[stuck.worst])} nats.${wide ? " This prompt has no radius." : ""}`,
    );
  }
  const idle = named.filter((one) => one.equal);
  if (idle.length) {
    const other = named.find((one) => !one.equal);
    return calm(
      idle.length === 2 ? "Equal rewards teach nothing" : `Prompt ${idle[0].name} teaches nothing`,
      `All its rewards are equal, so no completion is better than the mean: λ = 0, every target and every weight is 0.${other ? ` Prompt ${other.name} is solved by itself, as if the other were not there.` : ""}`,
    );
  }
  const off = Math.max(...named.map((one) => one.off));
  if (off < 0.05)
    return calm(
      "This is GRPO, rescaled",
      `The targets differ from √(2δ) times GRPO's advantages by ${number(100 * off)} % at most. So small a radius sees only mean and standard deviation of a group.`,
    );
  const [a, b] = named,
    far = a.off > b.off ? a : b;
  return calm(
    "One radius, two multipliers",
    `Each prompt spends the whole radius, at a multiplier of its own. GRPO's advantages, rescaled, miss the targets of ${far.name} by up to ${number(100 * far.off)} %.`,
  );
}
