/* A recorded batch under a method: by token its probabilities, ratio, total variation and gradient weight, and what the
   method does to it. The record is trbook.explorables.rare_batch's; the objectives are the playground's, which are
   held to trlib.algorithms. */

import { byLine } from "../../engine/js/lines.js";
import { average, recorded } from "../maths/plain.js";

export const OBJECTIVES = {
  ppo: byLine("ppo"),
  cispo: byLine("cispo"),
  gspo: byLine("gspo_even"),
  dppo_tv: byLine("dppo"),
  dppo_kl: byLine("dppo_kl"),
};
export const BINS = [0, 0.01, 0.1, 0.5, 0.9, 1.000001];
const SAME = 1e-6; // a weight this close to r A, relatively, is not scaled

/* The record as it is judged. Log-probs by token: before, and for each run after 0, 1, ... updates. */
export function unpack(data) {
  const words = data.words.flat(),
    careful = new Set(data.careful),
    completions = [];
  let from = 0;
  data.words.forEach((row, i) => {
    const first = Math.floor(i / data.group) * data.group,
      group = data.rewards.slice(first, first + data.group);
    const advantage = data.rewards[i] - average(group);
    completions.push({
      prompt: first / data.group,
      from,
      to: from + row.length,
      reward: data.rewards[i],
      advantage,
      careful: careful.has(row[0]),
    });
    from += row.length;
  });
  const of = completions.flatMap((one, i) => Array.from({ length: one.to - one.from }, () => i));
  const old = Float64Array.from(data.old, (u) =>
    u > 0 ? -Math.log1p(Math.exp(-u / 1000)) : u / 1000 - Math.log1p(Math.exp(u / 1000)),
  );
  const runs = Object.fromEntries(
    Object.entries(data.runs).map(([name, run]) => [
      name,
      {
        careful: run.careful,
        lr: run.lr,
        logp: [
          old,
          ...recorded(run.moved, words.length, data.largest).map((row) => row.map((d, i) => Math.min(0, old[i] + d))),
        ],
      },
    ]),
  );
  return { words, completions, of, old, runs, prompts: data.prompts, updates: data.updates, group: data.group };
}

/* By token: q, p, ratio, tv, weight, and fate: "none" where A is 0, else "silenced", "scaled" (w is not r A), "kept". */
export function judge(batch, s) {
  const objective = OBJECTIVES[s.method](s),
    now = batch.runs[s.run].logp[s.update],
    found = [];
  for (const { from, to, advantage } of batch.completions) {
    const logp = Array.from(now.subarray(from, to)),
      old = Array.from(batch.old.subarray(from, to));
    const { weight, kept } = objective({ logp, old, advantage });
    logp.forEach((value, t) => {
      const q = Math.exp(old[t]),
        p = Math.exp(value),
        ratio = Math.exp(value - old[t]),
        full = ratio * advantage;
      const fate =
        advantage === 0
          ? "none"
          : !kept[t]
            ? "silenced"
            : Math.abs(weight[t] - full) > SAME * Math.abs(full)
              ? "scaled"
              : "kept";
      found.push({ q, p, ratio, tv: Math.abs(p - q), weight: weight[t], advantage, fate });
    });
  }
  return found;
}

/* Counts by the probability at which a token was sampled, of those that are pushed up and of those pushed down; and
   how many openers of right completions are silenced, the careful and the others. */
export function count(batch, judged) {
  const side = () => ({ all: 0, silenced: 0, scaled: 0 });
  const bins = BINS.slice(1).map((high, i) => ({ low: BINS[i], high, up: side(), down: side() }));
  const total = { up: side(), down: side() },
    openers = { careful: side(), other: side() };
  const add = (into, fate) => {
    into.all++;
    if (fate in into) into[fate]++;
  };
  judged.forEach(({ q, advantage, fate }, i) => {
    if (fate === "none") return;
    const way = advantage > 0 ? "up" : "down",
      one = batch.completions[batch.of[i]];
    add(bins.find((bin) => q < bin.high)[way], fate);
    add(total[way], fate);
    if (i === one.from && advantage > 0) add(openers[one.careful ? "careful" : "other"], fate);
  });
  return { bins, ...total, openers };
}
