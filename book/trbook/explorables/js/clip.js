/* clip: PPO's objective and gradient weight against the ratio, beside those of other methods on demand. */

import { bench } from "./parts/common.js";
import { WITH_OBJECTIVE } from "./clip/lines.js";
import * as token from "./clip/token.js";

/* Where all methods that it opens with have an objective, and where not. */
const ONE_OBJECTIVE = {
    text: "A token with A = −1 has become three times as likely. What does PPO's clip (ε = 0.2) do with it?",
    options: [
      ["silence", "clips it: no gradient"],
      ["weigh", "lowers its probability three times as hard"],
      ["one", "lowers its probability as at r = 1"],
    ],
    right: "weigh",
    state: { sign: -1, ratio: 3, show: ["plain", "ppo"], eps_low: 0.2, eps_high: 0.2 },
    why: "The minimum takes the unclipped term, −3: it is the smaller one. The window's upper edge does not exist for a negative advantage.",
  },
  FOUR_WEIGHTS = {
    text: "A token with A > 0 has grown from 0.02 to 0.06. Which of PPO, CISPO, SAPO and QUATRO (λ = 1) brings it back?",
    options: [
      ["none", "none: they stop or go on"],
      ["ppo", "PPO: that is what a clip is for"],
      ["quatro", "QUATRO alone"],
    ],
    right: "quatro",
    state: {
      sign: 1,
      ratio: 3,
      old_p: 0.02,
      show: ["ppo", "cispo", "sapo", "quatro"],
      multiplier: 1,
      eps_low: 0.2,
      eps_high: 0.2,
      tau_pos: 1,
    },
    why: "Its weight is r (A − λ log r): past log r = A/λ it turns negative. PPO's is 0, so it neither increases nor decreases the probability; CISPO's and SAPO's still increase it.",
  };

export default bench({
  name: "clip",
  title: "How large is the gradient of one token?",
  hint: "Drag the ring: where does the gradient end?",
  ...token,
  settings: { ...token.settings, show: { ...token.settings.show, few: WITH_OBJECTIVE } },
  presets: [
    {
      name: "make it fail: bad token, grown",
      state: { sign: -1, ratio: 3.4, show: ["plain", "ppo", "dual"], dual_clip: 3, old_p: 0.25 },
      text: "What to notice: for a negative advantage the clip bounds the ratio from below only. To the right the weight falls without end; dual clip cuts it at c.",
    },
    {
      name: "the clip does not bring it back",
      state: { sign: 1, ratio: 2.2, show: ["ppo", "penalty"], beta: 5, old_p: 0.25 },
      text: "What to notice: beyond the window PPO's weight is 0, the penalty's is negative. Where the objective is flat, a token stays where the gradients of other tokens have moved it.",
    },
    {
      name: "pessimistic",
      state: { sign: 1, ratio: 0.5, show: ["plain", "ppo"], old_p: 0.25 },
      text: "What to notice: half as likely, far outside the window, and its probability is still increased. A clip of the ratio alone, without the minimum, would be flat here.",
    },
  ],
  question: (_data, first) => (first.show.every((key) => WITH_OBJECTIVE.includes(key)) ? ONE_OBJECTIVE : FOUR_WEIGHTS),
});
