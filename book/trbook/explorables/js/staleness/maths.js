/* A recorded batch: its tokens' ratios after each update, and what a window on them would do. The record is
   trbook.explorables.recording's; counts are those of trlib.algorithms.ppo_loss. */

import { average, recorded } from "../maths/plain.js";
import { ppoKept } from "../maths/regions.js";

/* The record as it is drawn: for each run [updates + 1][tokens] log-ratios (update 0: none has moved), and by token its
   completion, its text and its advantage, the reward minus the mean of its group. */
export function unpack(data) {
  const means = [],
    words = data.words.flat();
  for (let i = 0; i < data.rewards.length; i += data.group) means.push(average(data.rewards.slice(i, i + data.group)));
  const of = data.words.flatMap((row, i) => row.map(() => i));
  const advantages = of.map((i) => data.rewards[i] - means[Math.floor(i / data.group)]);
  const runs = Object.fromEntries(
    Object.entries(data.runs).map(([name, run]) => [
      name,
      {
        earned: run.earned,
        moved: [new Float64Array(words.length), ...recorded(run.moved, words.length, data.largest)],
      },
    ]),
  );
  return {
    words,
    of,
    advantages,
    runs,
    updates: data.updates,
    reward: average(data.rewards),
    completions: data.rewards.length,
  };
}

/* The window of the recorded run with PPO's clip. */
const CLIP = 0.2;

/* What a window does to the batch as it is after an update. `clipped`: the tokens that PPO's clip silences in this update,
   whatever window is drawn; `beyond`: those of them that it carries farther out all the same. `promised`: the mean reward plus the surrogate, the mean over completions of Σ (r - 1) A. */
export function count(batch, run, update, low, high) {
  const now = batch.runs[run].moved[update],
    before = batch.runs[run].moved[Math.max(0, update - 1)];
  const found = {
    up: 0,
    down: 0,
    silencedUp: 0,
    silencedDown: 0,
    inside: 0,
    outsideKept: 0,
    clipped: 0,
    beyond: 0,
    tv: 0,
    promised: batch.reward,
    farthest: 0,
  };
  now.forEach((moved, i) => {
    const ratio = Math.exp(moved),
      advantage = batch.advantages[i],
      inside = ratio >= 1 - low && ratio <= 1 + high;
    if (advantage > 0) found.up++;
    if (advantage < 0) found.down++;
    if (inside) found.inside++;
    if (!ppoKept(ratio, advantage, low, high)) {
      found[advantage > 0 ? "silencedUp" : "silencedDown"]++;
    } else if (!inside) found.outsideKept++;
    if (!ppoKept(Math.exp(before[i]), advantage, CLIP, CLIP)) {
      found.clipped++;
      if (Math.sign(advantage) * (moved - before[i]) > 0) found.beyond++;
    }
    found.tv += Math.abs(Math.expm1(moved)) / 2 / now.length;
    found.promised += (Math.expm1(moved) * advantage) / batch.completions;
    if (Math.abs(moved) > Math.abs(now[found.farthest])) found.farthest = i;
  });
  return { ...found, silenced: found.silencedUp + found.silencedDown, earned: batch.runs[run].earned[update] };
}

/* Of the tokens that the window clips at one update, how many it no longer clips at another, and how many are further out. */
export function fateOf(batch, { run, update, eps_low, eps_high }, asked) {
  const { moved } = batch.runs[run],
    clips = (at, i) => !ppoKept(Math.exp(moved[at][i]), batch.advantages[i], eps_low, eps_high),
    all = batch.of.map((_, i) => i).filter((i) => clips(asked, i));
  return {
    all: all.length,
    back: all.filter((i) => !clips(update, i)).length,
    further: all.filter((i) => clips(update, i) && Math.abs(moved[update][i]) > Math.abs(moved[asked][i])).length,
  };
}

/* Tokens by the logarithm of their ratio: [bins] of { kept, silenced }, for one sign of the advantage. The outermost
   bins hold what lies beyond. */
export function histogram(batch, run, update, sign, low, high, most, bins) {
  const found = Array.from({ length: bins }, () => ({ kept: 0, silenced: 0 }));
  batch.runs[run].moved[update].forEach((moved, i) => {
    const advantage = batch.advantages[i];
    if (Math.sign(advantage) !== sign) return;
    const bin = Math.min(bins - 1, Math.max(0, Math.floor(((moved + most) / (2 * most)) * bins)));
    found[bin][ppoKept(Math.exp(moved), advantage, low, high) ? "kept" : "silenced"]++;
  });
  return found;
}
