/* The lanes of the front page: what each is called, how it looks, and what the figure says of it. A lane has one name,
   at its curve, above its text and in every sentence. */

import { LANES, dashOf, hueOf } from "../parts/common.js";

const USUAL = 0.2;
export const after = (batch) => (batch ? `after ${batch} ${batch > 1 ? "batches" : "batch"}` : "before training");
export const clipped = (width) => `16 epochs, clip ${width}`;
export const LOOK = Object.fromEntries(
  Object.entries(LANES).map(([key, [name, method]]) => [key, { name, hue: hueOf(method), dash: dashOf(method) }]),
);
/* The reader's clip: PPO's hue, and dashed. */
export const YOURS = { hue: hueOf("ppo"), dash: "6 3" };
export const RECORDED = Object.keys(LOOK);
export const RUNGS = [0.01, 0.02, 0.05, 0.1, USUAL, 0.4, 1, 2, 5];
export const isRecorded = (width) => width === USUAL;

/* What the Worker gets: the recorded lane with another clip. */
export const settingsOf = (width, { lr, seed }) => ({
  method: "ppo",
  thresholds: { eps_low: Math.min(1, width), eps_high: width },
  lr,
  epochs: 16,
  minibatches: 1,
  group: 8,
  prompts: 16,
  seed,
});
