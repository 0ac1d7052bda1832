/* What the picture says: names, a row for each method, and a verdict. No drawing here. */

import { IDEAS, number, percent, probability } from "../parts/common.js";
import { KEYS, seen, support, walk } from "./maths.js";
import { probabilities, wordsOf } from "./starts.js";
import { calm, fail } from "../parts/verdict.js";

export const NAMES = {
  pg_is: IDEAS.none.name,
  ppo: IDEAS.clip.name,
  clip_higher: "clip-higher",
  cispo: "CISPO",
  gspo: "GSPO",
  sapo: "SAPO",
  gmpo: "GMPO",
  pspo: "PSPO",
  dppo_tv: "DPPO, TV",
  dppo_kl: "DPPO, KL",
  dppo_topk: "DPPO, top-k TV",
  dppo_full: "DPPO, full TV",
  quatro: "QUATRO, derived",
  troll: "TROLL",
};
const short = (key) => NAMES[key].replace(", derived", "").replace(", GRPO", "");
const RATIOS = ["ppo", "clip_higher", "gspo", "gmpo"];
const PULLING = ["quatro", "troll"]; // they have a place of rest, where the weight is 0 and nothing is silenced

const MASKS = ["dppo_tv", "dppo_kl", "dppo_topk", "dppo_full"];
const MEASURING = [...MASKS, "troll"]; // they look at a distance

/* Has the distance that a mask looks at gone to more than twice its radius? */
function late(s, by) {
  if (s.method === "dppo_kl") return by.binary.kl > 2 * s.delta_kl;
  return by[{ dppo_topk: "topk", dppo_full: "full" }[s.method] ?? "binary"].tv > 2 * s.delta_tv;
}

/* Everything that a state shows: every method's walk, what its end is like, and the words about the chosen one. */
export function read(s) {
  const p = probabilities(s.start),
    words = wordsOf(s.start);
  const rows = KEYS.map((key) => row(key, p, s));
  const chosen = rows.find(({ key }) => key === s.method),
    by = seen(p.map(Math.log), chosen.path.at(-1), s.token, s.k);
  const word = words[s.token];
  const facts = [
    [`“${word}”`, `${probability(p[s.token])} → ${probability(chosen.p)}`],
    ["ratio r", number(chosen.r)],
    ["TV, all tokens", amount(by.full.tv)],
    ["KL(old‖new), nats", amount(by.full.kl)],
    ...(MASKS.includes(s.method) ? [["TV: binary", amount(by.binary.tv)]] : []),
    ...(s.method === "dppo_topk" ? [[`TV: top ${s.k}`, amount(by.topk.tv)]] : []),
  ];
  return { p, words, rows, chosen, by, facts, verdict: verdict(s, chosen, rows, by, word, p) };
}

function row(key, p, s) {
  const { path, weight, silent, rest } = walk(key, p, s),
    now = path.at(-1),
    full = seen(p.map(Math.log), now, s.token, 1).full;
  return {
    key,
    path,
    weight,
    silent: PULLING.includes(key) ? null : silent,
    rest,
    p: Math.exp(now[s.token]),
    r: Math.exp(now[s.token] - Math.log(p[s.token])),
    tv: full.tv,
    kl: full.kl,
    end: end(key, weight, silent, rest, s),
  };
}

/* What the method does with the word after the last step. */
function end(key, weight, silent, rest, s) {
  if (PULLING.includes(key) && (rest || silent !== null)) return "at rest";
  if (silent !== null) return `stopped at ${silent}`;
  if (rest) return "hardly moves";
  return weight * s.sign < 0 ? "moves back" : "goes on";
}

export const amount = (value) =>
  number(value, { powers: 1e-4, decimals: (size) => (size >= 1 ? 2 : size >= 0.01 ? 3 : 4) });
const steps = (count) => (count === 1 ? "1 step" : `${count} steps`);

/* Among the anchor's k most likely, or in whose place? */
export function place(s, p, words) {
  const own = support(p, s.token, s.k),
    top = p
      .map((_, v) => v)
      .sort((a, b) => p[b] - p[a])
      .slice(0, s.k);
  return top.includes(s.token) ? null : { lost: words[top.at(-1)], ids: own };
}

function verdict(s, one, rows, by, word, p) {
  const name = short(s.method),
    moved = percent(one.tv),
    outside = s.method === "dppo_topk" ? place(s, p, wordsOf(s.start)) : null;
  const swapped = outside ? ` “${word}” is outside the top ${s.k} and takes the place of “${outside.lost}” there.` : "";
  if (s.steps === 0)
    return calm("Before the first step", `Every ratio is 1 and nothing has moved: no method clips anything.${swapped}`);
  const outward = s.sign * (one.r - 1) > 0;
  if (one.silent !== null && RATIOS.includes(s.method) && one.tv < 0.03) {
    const free = rows.find(({ key }) => key === "dppo_tv"),
      further = Math.abs(free.p - p[s.token]) > Math.abs(one.p - p[s.token]);
    return fail(
      `${name} stopped after ${steps(one.silent)}: TV ${amount(one.tv)}`,
      `The ratio is ${number(one.r)} and has left its window. The token has ${one.r > 1 ? "gained" : "lost"} ${amount(Math.abs(one.p - p[s.token]))}, and over all tokens ${moved} of the probability has moved. ${further ? `A mask on total variation lets “${word}” go to ${probability(free.p)}.` : `At a radius of ${s.delta_tv} a mask on total variation lets it go no further.`}`,
    );
  }
  if (
    one.silent === null &&
    outward &&
    one.tv > 0.15 &&
    one.tv > s.delta_tv &&
    one.weight * s.sign > 0 &&
    !MEASURING.includes(s.method)
  ) {
    return fail(
      `${name} goes on: ${moved} of the probability has moved`,
      `${RATIOS.includes(s.method) ? `The ratio is ${number(one.r)}, inside the window, so nothing is clipped.` : "Its weight does not ask how far the distribution has moved."} A mask on total variation stops at ${s.delta_tv}.${swapped}`,
    );
  }
  if (MEASURING.includes(s.method) && one.silent !== null && late(s, by)) {
    const before = one.path[one.silent - 1][s.token] - one.path[0][s.token],
      grown = before > Math.log(2);
    return fail(
      `Masked, but one step too late: ${moved} has moved`,
      `The mask looks before a step and does not shorten it. ${grown ? `Before the last one r was ${number(Math.exp(before))}, and the weight is r A. ${s.max_ratio >= Math.exp(before) ? "A cap C below that shortens the step." : "The cap C made it smaller; a smaller learning rate does too."}` : "A smaller learning rate shortens it."}${swapped}`,
    );
  }
  if (one.silent !== null)
    return calm(
      `${name} has zero gradient after ${steps(one.silent)}`,
      `${moved} of the probability has moved. The weight is exactly 0 from there on: nothing moves the token further, and nothing brings it back.${swapped}`,
    );
  if (one.end === "moves back")
    return calm(
      `${name} moves the token back`,
      `The token has moved further than this method allows, and its gradient has changed its sign. ${moved} of the probability has moved.`,
    );
  if (one.end === "at rest")
    return calm(
      `${name} has come to rest`,
      `Further steps hardly move it: the two gradients balance, with ${moved} of the probability moved.`,
    );
  return calm(
    `${name} goes on`,
    `After ${steps(s.steps)} ${moved} of the probability has moved, and the next step moves more.${swapped}`,
  );
}
