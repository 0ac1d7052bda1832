/* What decides a lane, with the defaults of trlib.train where the page has no other. */

import { NEEDS_TWO } from "./advantages.js";
import { method } from "./methods.js";

/* A lane that cannot go on: says why, and at which batch. */
export class LaneError extends Error {
  constructor(message, batch) {
    super(message);
    this.batch = batch;
  }
}

export const DEFAULTS = {
  method: "grpo", // of methods.js
  thresholds: {}, // the method's settings that are not its defaults
  seed: 0,
  prompts: 16, // per batch
  group: 8, // completions per prompt
  minibatches: 1, // a batch is split by whole prompts
  epochs: 1, // and gone through so often
  lr: 3e-4,
  betas: [0.9, 0.95],
  weightDecay: 0,
  warmup: 10, // updates over which the learning rate rises
  gradNorm: 1, // the gradient is scaled down to this norm
  beta: null, // weight of the KL divergence to the first policy, k2 in the loss; null: it is not even measured
  probe: 32, // completions on which the exact divergences are measured
};

const WHOLE = {
  seed: 0,
  prompts: 1,
  group: 1,
  minibatches: 1,
  epochs: 1,
  warmup: 0,
  probe: 0,
};

/* Settings with a method that is ready. Throws a RangeError that names what is impossible. */
export function settle(given) {
  for (const name of Object.keys(given)) {
    if (!(name in DEFAULTS))
      throw new RangeError(`settings: expected ${Object.keys(DEFAULTS).join(", ")}, got ${name}`);
  }
  const named = given.method?.name ?? given.method ?? DEFAULTS.method;
  const thresholds = given.thresholds ?? DEFAULTS.thresholds;
  const settings = {
    ...DEFAULTS,
    ...given,
    thresholds,
    method: method(named, thresholds),
  };
  for (const [name, least] of Object.entries(WHOLE)) {
    if (!Number.isInteger(settings[name]) || settings[name] < least) {
      throw new RangeError(`${name}: expected a whole number of at least ${least}, got ${settings[name]}`);
    }
  }
  for (const name of ["lr", "gradNorm"]) {
    if (!(settings[name] > 0 && settings[name] < Infinity)) {
      throw new RangeError(`${name}: expected a number above 0, got ${settings[name]}`);
    }
  }
  if (settings.beta !== null && !(settings.beta >= 0 && settings.beta < Infinity && !settings.method.kind.whole)) {
    throw new RangeError(
      settings.method.kind.whole
        ? `beta: expected null with ${named}, whose objective is of whole distributions, got ${settings.beta}`
        : `beta: expected null or a number of at least 0, got ${settings.beta}`,
    );
  }
  if (settings.prompts % settings.minibatches) {
    throw new RangeError(
      `minibatches: expected a divisor of prompts = ${settings.prompts}, got ${settings.minibatches}`,
    );
  }
  if (settings.group < 2 && NEEDS_TWO.has(settings.method.settings.advantage)) {
    throw new RangeError(
      `group: expected at least 2 with ${settings.method.settings.advantage}, got ${settings.group}`,
    );
  }
  return settings;
}
