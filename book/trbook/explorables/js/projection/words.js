/* What the projection says of itself: the verdict and the numbers beside the picture. No drawing here. */

import { number, probability, fail, calm } from "../parts/common.js";
import { solve } from "./maths.js";

/* Words that begin a completion on the dial, and the base policy's share of each among these eight, before the first
   prompt's first token: four that answer at once, four that think first. */
export const NAMES = ["easy", "answer", "quick", "simply", "slowly", "carefully", "stepwise", "plan"];

const size = (push) => Math.hypot(...push);
const signed = (x) => (Math.abs(x) < 5e-13 ? "0" : `${x > 0 ? "+" : ""}${number(x)}`);

export function read(s) {
  const found = solve(s),
    { kl, ratio, push, slope } = found;
  const sparse = s.support !== "all" && found.kept.length < NAMES.length;
  const facts = [
    ["nats to q: π̃ → π", `${number(kl.network)} → ${number(kl.projected)}`],
    ["multiplier η", number(found.eta)],
    [`ratio of “${NAMES[s.token]}”`, `${number(ratio.network)} → ${number(ratio.projected)}`],
    ["its gradient: clip, TROLL", `${signed(push.clip[s.token])}, ${signed(push.all[s.token])}`],
    ...(s.show.includes("ratio")
      ? [["slope outward: ratio, regression", `${signed(slope.ratio)}, ${signed(slope.pull)}`]]
      : []),
    ...(sparse ? [["KL of all tokens, π̃", `${number(kl.whole)} nats`]] : []),
  ];
  return { ...found, facts, verdict: verdict(s, found) };
}

/* How far both are. */
export function held({ delta }, { kl, out }) {
  if (!out)
    return calm(
      `The network has gone ${number(kl.network)} nats, and ${number(delta)} are allowed`,
      "Nothing has to be projected: the projection is the network itself.",
    );
  return calm(
    `The network has gone ${number(kl.network)} nats. Its projection stays at ${number(delta)}.`,
    "The loss sees the projection, which cannot leave the region. But the network samples, and the network is not bounded.",
  );
}

function verdict(s, found) {
  const { kl, push } = found,
    word = `“${NAMES[s.token]}”`;
  const own = push.all[s.token],
    wanted = Math.sign(s.advantage);
  if (s.support !== "all" && kl.whole > s.delta && kl.whole > 2 * Math.max(kl.network, 1e-6)) {
    return fail(
      "Blind in the tail",
      `Over all tokens π̃ is ${number(kl.whole)} nats from q. The method sees ${number(kl.network)}: ${
        s.support === "rest"
          ? "a bucket for the rest counts how much probability is in the tail, not on which token."
          : "without a bucket nothing that happens outside the kept tokens counts, and no gradient goes there."
      }`,
    );
  }
  if (!found.out) {
    return calm(
      "Inside the region: the plain policy gradient",
      `η = 0, π = π̃, and the regression is 0.${push.clip[s.token] === 0 && s.advantage !== 0 ? ` PPO's clip has zero gradient here, because the ratio of ${word} alone has left its window.` : " Drag a bar, or make the radius smaller."}`,
    );
  }
  if (s.delta === 0) {
    return fail(
      "Radius 0: the reward has no effect",
      `π is q itself and η is infinite, so the gradient of the ratio is 0 on every logit.${s.alpha > 0 ? " What is left is the regression: it takes π̃ back to q, whatever the advantage." : " Without the regression the update is 0."}`,
    );
  }
  const spent = size(push.ratio) < 1e-9 * Math.max(1, size(push.before));
  if (spent && s.advantage !== 0) {
    return {
      tone: s.alpha === 0 ? "fail" : "calm",
      title: "One way out, and it is closed",
      text: `Only ${word} has moved against the others, so its gradient and the way out are one direction: TROLL's ratio term is 0 on every logit, as with two outcomes.${s.alpha > 0 ? " The regression leads back." : " Without the regression nothing leads back."}`,
    };
  }
  if (s.alpha === 0) {
    return fail(
      "Nothing brings π̃ back",
      `The ratio term is not 0, but its slope along the way out, log π̃ − log q, is: π stays the same as π̃ runs on. π keeps ${number(s.delta)} nats; π̃, which samples, stands at ${number(kl.network)}.`,
    );
  }
  if (s.advantage === 0) {
    return fail(
      "No advantage, and still a gradient",
      `The regression alone moves the logits, towards q. Where q is another policy than the learner's, this is a gradient that comes from no reward.`,
    );
  }
  if (own * wanted < 0 || size(push.pull) > 2 * size(push.ratio)) {
    return fail(
      own * wanted < 0 ? "The regression outweighs the reward" : "Mostly the regression",
      `The advantage ${wanted > 0 ? "increases" : "decreases"} the probability of ${word}; its logit ${own > 0 ? "rises" : "falls"} by ${number(Math.abs(own))}. The regression is ${number(size(push.pull) / size(push.ratio))} times as strong as what is left of the reward's. If q is not the learner's own, TROLL imitates q.`,
    );
  }
  const silent = push.clip[s.token] === 0;
  return calm(
    silent ? "The clip has zero gradient, TROLL does not" : "Projected, and the gradient goes on",
    `The projection leads π̃ back to the edge of the region. ${word} stands at ${probability(Math.exp(found.u[s.token]))}, projected ${probability(found.projected[s.token])}. Of the reward's gradient the part along the way out is gone.`,
  );
}
