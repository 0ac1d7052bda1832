/* A lane in a Worker. Messages in: { load: { wasm, bytes, card, knobs }, settings } then { settings, knobs } (from the next
   batch on; knobs are the task's, those not named as usual), { once: "update" | "batch" }, { ask: text, id }.
   Messages out:
   { ready }, { event, .. } of every step (an update that was asked for alone brings its batch along), { answers, id },
   { error, batch? }: the lane has stopped or was asked for the impossible. */

import { open } from "./checkpoint.js";
import { Engine } from "./engine.js";
import { Lane } from "./lane.js";
import { brief, openers } from "./measures.js";
import { TASKS } from "./tasks.js";
import { Vocabulary } from "./vocabulary.js";

/* What a page needs to draw a batch; everything else stays here. */
const SHOWN = ["prompt", "words", "tokens", "logp", "now", "kept", "advantage", "verdict", "ended"];
const shown = ({ completions, asked }) => ({
  prompts: asked.map(({ text, answer }) => ({ text, answer })),
  completions: completions.map((one) => Object.fromEntries(SHOWN.map((name) => [name, one[name]]))),
});

/* The updates of a batch from one on, in a few numbers each. */
const told = ({ updates, left }, from = 0) =>
  updates.slice(from).map((one, i) => brief(one, from + i + 1, updates.length + left.length));

export class LaneHost {
  /* post: what sends a message to the page. */
  constructor(post) {
    this.post = post;
    this.lane = null;
    this.Task = null;
    this.turn = Promise.resolve();
  }

  /* One message after the other: a lane that is still being loaded hears none of the next. */
  hear(message) {
    this.turn = this.turn
      .then(() => this.#heard(message))
      .catch((error) => this.post({ error: error.message, batch: error.batch ?? null }));
    return this.turn;
  }

  async #heard({ load, settings, knobs, once, ask, id = 0 }) {
    if (load) await this.#load(load, settings);
    else if (!this.lane) throw new Error("lane: expected { load } before any other message");
    else if (settings) this.lane.change(settings);
    if (knobs && !load) this.lane.task = new this.Task(knobs);
    if (ask !== undefined) this.#answer(ask, id);
    if (once) this.#once(once);
  }

  async #load({ wasm, bytes, card, knobs = {} }, settings) {
    const { weights } = await open(bytes, card),
      { kind: Task } = TASKS[card.name];
    const engine = await Engine.create(wasm);
    this.Task = Task;
    this.lane = new Lane(engine, { vocabulary: new Vocabulary(card.words), weights }, new Task(knobs), settings);
    this.post({ ready: true, memory: engine.wasm.memory.buffer.byteLength });
  }

  #answer(text, id) {
    const answers = this.lane.ask(text, { seed: id });
    this.post({ answers: answers.map(({ words, logp, verdict, ended }) => ({ words, logp, verdict, ended })), id });
  }

  #once(what) {
    for (;;) {
      const kind = this.#step(what === "update");
      if (kind === "batch" || (what === "update" && kind === "update")) return;
    }
  }

  #step(alone = false) {
    const { kind, batch, row } = this.lane.step(),
      number = this.lane.number;
    if (kind === "batch") {
      const begun = { ...row, openers: openers(batch.completions) };
      this.post({ event: kind, row: begun, updates: told(batch), ...shown(batch) });
    } else if (kind === "update") {
      const [update] = told(batch, batch.updates.length - 1);
      this.post({ event: kind, batch: number, update, ...(alone ? shown(batch) : {}) });
    } else this.post({ event: kind, batch: number });
    return kind;
  }
}

/* In a Worker: begin. */
if (typeof WorkerGlobalScope !== "undefined" && globalThis instanceof WorkerGlobalScope) {
  const host = new LaneHost((message) => postMessage(message));
  onmessage = ({ data }) => host.hear(data);
}
