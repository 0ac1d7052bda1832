/* A lane: one policy that learns by one method, batch by batch. It does what trlib.train does - sample in groups,
   verify, advantages, minibatches x epochs updates, measure - with prompts and uniform numbers that depend on nothing
   but the seed, so that lanes stand side by side on the same draws.

   The sampler is the learner, bit for bit: the policy that sampled and the recomputed old one are the same. */

import { measure, probe, scored } from "./measures.js";
import { prepare } from "./prepare.js";
import { shuffled, stream } from "./random.js";
import { sample } from "./sampler.js";
import { LaneError, settle } from "./settings.js";
import { Update } from "./update.js";

export class Lane {
  /* checkpoint: { vocabulary: Vocabulary, weights }; task: of tasks.js; settings: of settings.js. */
  constructor(engine, checkpoint, task, settings = {}) {
    this.engine = engine;
    this.checkpoint = checkpoint;
    this.task = task;
    this.change(settings);
    this.reset();
  }

  /* Back to the checkpoint. */
  reset() {
    this.engine.load({
      vocabulary: this.checkpoint.vocabulary.words.length,
      weights: this.checkpoint.weights,
    });
    this.memory = {};
    this.number = 0;
    this.batch = null;
    this.stopped = null;
  }

  /* Settings that act from the next batch on; those not named stay. Another method begins with its own thresholds. */
  change(settings) {
    const other = settings.method !== undefined && settings.method !== this.next?.method.name;
    this.next = settle({
      ...this.next,
      ...(other ? { thresholds: {} } : {}),
      ...settings,
    });
  }

  /* One step: a batch is sampled, or one update made; the last one measures. Gives what happened, { kind: "sampled" |
     "update" | "batch", .. }. Where it cannot go on, the lane stops and says at which batch and why. */
  step() {
    if (this.stopped) throw this.stopped;
    try {
      if (!this.batch) return this.#sample();
      this.#update();
      return this.batch.left.length ? { kind: "update", batch: this.batch } : this.#finish();
    } catch (error) {
      this.stopped = new LaneError(`batch ${this.number}: ${error.message}`, this.number);
      throw this.stopped;
    }
  }

  /* One whole batch, or what is left of the one in hand; gives its row of the history. */
  run() {
    for (;;) {
      const done = this.step();
      if (done.kind === "batch") return done.row;
    }
  }

  /* Completions of a prompt of one's own. */
  ask(text, { group = 8, seed = 0 } = {}) {
    const prompt = this.task.read(text),
      random = Array.from({ length: group }, (_, i) => stream(seed, "ask", text, i));
    const ids = this.checkpoint.vocabulary.encode(prompt.words);
    return sample(this.engine, [ids], {
      group,
      maxTokens: this.task.maxTokens,
      uniform: once(random),
    }).map((one) => this.#judged(one, prompt));
  }

  #sample() {
    const settings = this.next,
      { seed, prompts: count, group } = settings,
      k = this.number;
    const random = stream(seed, "train", k),
      asked = Array.from({ length: count }, () => this.task.prompt(random));
    const ids = asked.map(({ words }) => this.checkpoint.vocabulary.encode(words));
    const streams = Array.from({ length: count * group }, (_, row) =>
      stream(seed, "sample", k, Math.floor(row / group), row % group),
    );
    const looked = probe(count * group, settings.probe);
    const keep = settings.method.kind.full ? new Set(streams.keys()) : new Set(looked);
    const completions = sample(this.engine, ids, {
      group,
      maxTokens: this.task.maxTokens,
      uniform: once(streams),
      keep,
    });
    for (const one of completions) this.#judged(one, asked[one.prompt]);
    if (settings.beta) {
      const first = scored(this.engine, this.checkpoint.weights, ids, completions);
      for (const [i, one] of completions.entries()) one.ref = first[i].logp;
    }
    this.batch = {
      settings,
      asked,
      ids,
      completions,
      looked,
      updates: [],
      left: this.#order(settings, k),
    };
    prepare(this.batch, this.task.maxTokens);
    return { kind: "sampled", asked, completions };
  }

  #judged(one, prompt) {
    one.words = this.checkpoint.vocabulary.decode(one.tokens);
    one.verdict = this.task.verify(prompt, one.words, one.ended);
    return one;
  }

  /* The prompts of each minibatch: whole groups, in an order of their own every epoch. */
  #order({ seed, prompts, minibatches, epochs }, k) {
    const size = prompts / minibatches,
      parts = [];
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = minibatches === 1 ? [...Array(prompts).keys()] : shuffled(stream(seed, "order", k, epoch), prompts);
      for (let i = 0; i < prompts; i += size) parts.push(order.slice(i, i + size));
    }
    return parts;
  }

  #update() {
    const part = new Set(this.batch.left.shift());
    const completions = this.batch.completions.filter(({ prompt }) => part.has(prompt));
    const update = new Update(this.engine, this.batch, this.memory, this.task.maxTokens);
    this.batch.updates.push(update.make(completions));
    if (!this.batch.left.length && update.method.name === "ppo_penalty") update.adapt(this.batch.completions);
  }

  #finish() {
    const { batch, number } = this,
      row = { batch: number, ...measure(this.engine, batch, this.checkpoint.weights) };
    this.number += 1;
    this.batch = null;
    this.last = batch;
    return { kind: "batch", row, batch };
  }
}

/* Numbers of one stream a completion, drawn in the order of its tokens. */
const once = (streams) => (row) => streams[row]();
