/* The second box: what the rewards of a batch become before anything is learned from it. Sets on every completion its
   `advantage` and whether it `counts` in the loss; for QUATRO the dual of its prompt, `multiplier` and `target`. */

import { ADVANTAGES, overlongPenalty } from "./advantages.js";
import { solveDual } from "../../js/maths/dual.js";

export function prepare({ completions, asked, settings: { method } }, limit) {
  for (const prompt of asked.keys()) {
    const group = completions.filter((one) => one.prompt === prompt);
    if (method.kind.dual) solved(group, method.settings);
    else compared(group, method, limit);
  }
}

function compared(group, { name, settings }, limit) {
  const rewards = group.map(({ verdict }) => verdict.reward),
    buffer = settings.overlong_buffer ?? 0;
  const shaped = group.map((one, i) => rewards[i] - overlongPenalty(one.tokens.length, limit, buffer));
  const advantages = ADVANTAGES[settings.advantage](
    shaped,
    group.map(({ tokens }) => tokens.length),
  );
  const teaches = name !== "dapo" || rewards.some((reward) => reward !== rewards[0]);
  for (const [i, one] of group.entries()) {
    one.advantage = advantages[i] + settings.shift;
    one.counts = teaches;
  }
}

function solved(group, settings) {
  const { multiplier, target, floored } = solveDual(
    group.map(({ verdict }) => verdict.reward),
    settings,
  );
  for (const [i, one] of group.entries()) {
    Object.assign(one, {
      multiplier,
      target: target[i],
      floored,
      advantage: multiplier * target[i],
      counts: true,
    });
  }
}
