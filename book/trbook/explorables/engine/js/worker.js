/* A lane in a Worker. Messages in: { load: { wasm, bytes, card, knobs }, settings } then { settings, knobs } (from the next
   batch on; knobs are the task's, those not named as usual), { play: true | false }, { once: "update" | "batch" }, { reset: true }, { ask: text, id }.
   Messages out:
   { ready }, { event, .. } of every step (an update that was asked for alone brings its batch along), { answers, id },
   { error, batch? }: the lane has stopped or was asked for the impossible. Between two steps messages are read, so a slider that is dragged is heard. */

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
  /* post: what sends a message to the page; later: what runs a function after waiting messages have been read. */
  constructor(post, later) {
    this.post = post;
    this.later = later;
    this.lane = null;
    this.Task = null;
    this.playing = false;
    this.waiting = false;
    this.turn = Promise.resolve();
  }

  /* One message after the other: a lane that is still being loaded hears none of the next. */
  hear(message) {
    this.turn = this.turn.then(() => this.#guarded(() => this.#heard(message)));
    return this.turn;
  }

  async #guarded(act) {
    try {
      await act();
    } catch (error) {
      this.playing = false;
      this.post({ error: error.message, batch: error.batch ?? null });
    }
  }

  async #heard({ load, settings, knobs, play, once, reset, ask, id }) {
    if (load) await this.#load(load, settings);
    else if (!this.lane) throw new Error("lane: expected { load } before any other message");
    else if (settings) this.lane.change(settings);
    if (knobs && !load) this.lane.task = new this.Task(knobs);
    if (reset) this.#reset();
    if (ask !== undefined) this.#answer(ask, id);
    if (play !== undefined) this.playing = play;
    if (once) this.#once(once);
    if (this.playing) this.#schedule();
  }

  async #load({ wasm, bytes, card, knobs = {} }, settings) {
    const { weights } = await open(bytes, card),
      { kind: Task } = TASKS[card.name];
    const engine = await Engine.create(wasm);
    this.Task = Task;
    this.lane = new Lane(engine, { vocabulary: new Vocabulary(card.words), weights }, new Task(knobs), settings);
    this.post({ ready: true, memory: engine.wasm.memory.buffer.byteLength });
  }

  #reset() {
    this.playing = false;
    this.lane.reset();
    this.post({ event: "reset" });
  }

  #answer(text, id = 0) {
    const answers = this.lane.ask(text, { seed: id });
    this.post({
      answers: answers.map(({ words, logp, verdict, ended }) => ({
        words,
        logp,
        verdict,
        ended,
      })),
      id,
    });
  }

  #once(what) {
    for (;;) {
      const kind = this.#step(what === "update");
      if (kind === "batch" || (what === "update" && kind === "update")) return;
    }
  }

  #schedule() {
    if (this.waiting) return;
    this.waiting = true;
    this.later(async () => {
      this.waiting = false;
      if (!this.playing) return;
      await this.#guarded(() => this.#step());
      if (this.playing) this.#schedule();
    });
  }

  #step(alone = false) {
    const { kind, batch, row } = this.lane.step(),
      number = this.lane.number;
    if (kind === "batch") {
      const begun = { ...row, openers: openers(batch.completions) };
      this.post({
        event: kind,
        row: begun,
        updates: told(batch),
        ...shown(batch),
      });
    } else if (kind === "update") {
      const [update] = told(batch, batch.updates.length - 1);
      this.post({
        event: kind,
        batch: number,
        update,
        ...(alone ? shown(batch) : {}),
      });
    } else this.post({ event: kind, batch: number });
    return kind;
  }
}

/* In a Worker: begin. A message of our own to ourselves comes after those of the page. */
if (typeof WorkerGlobalScope !== "undefined" && globalThis instanceof WorkerGlobalScope) {
  const { port1, port2 } = new MessageChannel(),
    queue = [];
  port1.onmessage = () => queue.shift()?.();
  const host = new LaneHost(
    (message) => postMessage(message),
    (act) => {
      queue.push(act);
      port2.postMessage(0);
    },
  );
  onmessage = ({ data }) => host.hear(data);
}
