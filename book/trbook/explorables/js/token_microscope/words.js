/* What the microscope says of the token that it is held on. */

import { IDEAS, number, percent, probability, calm, fail } from "../parts/common.js";

export const METHODS = { ppo: IDEAS.clip.name, cispo: "CISPO", gspo: "GSPO", dppo_tv: "DPPO-TV", dppo_kl: "DPPO-KL" };
const FAR = 0.15,
  NEAR = 0.05; // of the probability: the authors' threshold for total variation, and a third of it

export function verdict(s, { batch, judged, counts }) {
  const one = judged[s.token],
    word = batch.words[s.token],
    name = METHODS[s.method],
    moved = percent(one.tv);
  const way = `From ${probability(one.q)} to ${probability(one.p)} its ratio is ${number(one.ratio)}, and ${moved} of the probability has moved.`;
  const { careful, other } = counts.openers;
  const openers = `Of the openers of right completions ${name} clips ${careful.silenced} of ${careful.all} careful ones and ${other.silenced} of ${other.all} others.`;
  if (one.fate === "none")
    return calm(
      `“${word}” has no gradient`,
      "Every completion of this prompt has the same reward, so its advantage is 0 and no method has anything to clip.",
    );
  if (s.update === 0)
    return calm(
      "Before the first update every ratio is 1",
      "Nothing is clipped and nothing is scaled. Move the update.",
    );
  const silenced = one.fate === "silenced";
  if (silenced && one.tv < NEAR) return fail(`${name} clips “${word}”, which has hardly moved`, `${way} ${openers}`);
  if (silenced) return calm(`${name} clips “${word}”`, `${way} ${openers}`);
  const home = (one.p - one.q) * one.advantage < 0; // others' updates moved it against its own gradient
  if (one.tv > FAR && home)
    return calm(
      `${name} brings “${word}” back`,
      `${way} It moved against its own gradient, because of the gradients of other tokens; its own gradient brings it back. ${openers}`,
    );
  if (one.tv > FAR)
    return fail(
      `${name} moves “${word}” on, after ${moved} of the probability has moved`,
      `${way} ${one.fate === "scaled" ? "Its weight is scaled, but it is not 0." : "Its weight is that of the unclipped run."}`,
    );
  const price =
    one.ratio > 2
      ? ` Its weight is ${number(Math.abs(one.weight / one.advantage))} times that at r = 1, because it is not clipped.`
      : "";
  if (one.fate === "scaled")
    return calm(
      `${name} scales “${word}”`,
      `${way} Its weight is ${number(one.weight)} where r A is ${number(one.ratio * one.advantage)}. ${openers}`,
    );
  return calm(`${name} keeps “${word}”`, `${way}${price} ${openers}`);
}

/* Of the words that right completions begin with. */
export function careless(update, { careful, other }) {
  if (!update)
    return calm(
      "No word is struck out before the first update",
      "A struck-out word gets no gradient from PPO's clip. ↑: a right completion, which training makes more probable; ↓: a wrong one.",
    );
  return fail(
    `The clip strikes out ${careful.silenced} of ${careful.all} careful openers, and ${other.silenced} of ${other.all} others`,
    "A careful opener, such as “slowly”, begins a right completion that writes its steps. Training has to find these words, and they were rare: so a small gain is already a large ratio.",
  );
}

export function facts(s, { batch, judged, counts }) {
  const one = judged[s.token],
    care = batch.runs[s.run].careful;
  const of = (side) => `${side.silenced} of ${side.all}`;
  return [
    ["A → weight w", `${number(one.advantage)} → ${number(one.weight)}`],
    ["clipped, A > 0", of(counts.up)],
    ["clipped, A < 0", of(counts.down)],
    ["begins with care", `${percent(care[0])} → ${percent(care[s.update])}`],
  ];
}
