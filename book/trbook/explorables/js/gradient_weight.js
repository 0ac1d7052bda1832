/* gradient_weight: `clip` with the methods of chapter 5, at its old address. */

import { bench } from "./parts/common.js";
import * as token from "./clip/token.js";

export default bench({
  name: "gradient_weight",
  title: "How hard does each method push?",
  hint: "Drag the ring: which methods stop, fade or turn round?",
  ...token,
  settings: { ...token.settings, show: { ...token.settings.show, few: [] } },
  presets: [
    {
      name: "make it fail: bad token, grown",
      state: { sign: -1, ratio: 4, old_p: 0.05, show: ["ppo", "dual", "cispo", "sapo"], dual_clip: 3 },
      text: "What to notice: PPO's weight has no lower end. Dual clip cuts it, CISPO holds it at −(1 + ε), SAPO lets it fade. Three answers to one hole.",
    },
    {
      name: "four ways to leave",
      state: { sign: 1, ratio: 3.2, old_p: 0.02, show: ["ppo", "cispo", "sapo", "quatro"], multiplier: 1 },
      text: "What to notice: all four agree at r = 1. Outside, PPO is silent, CISPO keeps pushing at its cap, SAPO fades without reaching 0, QUATRO changes its sign.",
    },
    {
      name: "likely token",
      state: { sign: -1, ratio: 0.81, old_p: 0.99, show: ["ppo", "dppo_tv", "dppo_kl"] },
      text: "What to notice: 19 % of the probability has moved, and PPO's ratio has not left its window. Now move π_old down: DPPO's edges run outward, PPO's stay.",
    },
    {
      name: "smoothed is scaled",
      state: { sign: 1, ratio: 2, old_p: 0.1, show: ["plain", "pspo"], alpha: 0.3 },
      text: "What to notice: PSPO's line is the line without a region, times 1 − α, at every ratio. AdamW divides such a factor out again.",
    },
  ],
  question: {
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
    why: "Its weight is r (A − λ log r): past log r = A/λ it turns negative. PPO's is 0, which lets go but does not pull; CISPO's and SAPO's still push.",
  },
});
