/* Lanes and their Workers: one Worker per lane, as many busy at a time as there are cores, and no lane further ahead
   than a batch, so that all are seen at the same one. The page asks for every batch: what has not been asked for can be
   paused, and a threshold that moved goes with the next one. */

import { unsupported } from "../../engine/js/engine.js";
import { arrive, bytes } from "./arrive.js";

export const MOST = 1000; // batches of a lane; its rows are kept for the curves, and more are not
export const SEEDS = 8;
const PATIENCE = 60_000; // milliseconds without a word after which a Worker counts as dead

export const cores = () => Math.max(1, Math.min(8, navigator.hardwareConcurrency || 2));

/* A Worker with one lane in it. heard(data): every message; died(text): it will say nothing more. */
class Hand {
  constructor(source, { heard, died }) {
    this.url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.worker = new Worker(this.url);
    this.worker.onmessage = ({ data }) => { clearTimeout(this.timer); heard(data); };
    this.worker.onerror = (event) => { event.preventDefault?.(); died(`its Worker died (${event.message || "no reason given"})`); };
    this.worker.onmessageerror = () => died("its Worker sent what cannot be read");
    this.died = died;
  }

  send(message, transfer = []) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.died(`its Worker has said nothing for ${PATIENCE / 1000} seconds`), PATIENCE);
    this.worker.postMessage(message, transfer);
  }

  release() {
    clearTimeout(this.timer);
    this.worker.terminate();
    URL.revokeObjectURL(this.url);
  }
}

/* What every Worker begins with. Throws in plain words where this browser cannot, or something did not arrive. */
async function begin(parts, checkpoint) {
  const why = unsupported();
  if (why) throw new Error(`The policy cannot learn here: ${why}.`);
  if (typeof Worker !== "function") throw new Error("The policy cannot learn here: this browser runs no Workers.");
  const [engine, weights] = await Promise.all([arrive(parts, "engine"), arrive(parts, checkpoint)]);
  const { worker, wasm, cards } = JSON.parse(engine);
  return { source: worker, load: { wasm: bytes(wasm), bytes: bytes(weights), card: cards[checkpoint] } };
}

export class Fleet {
  /* parts: of arrive.js; settings(name): { engine, checkpoint } of a lane now; told(name, data): every message of a
     lane, and { stopped: text } when it cannot go on. */
  constructor({ parts, settings, told }) {
    Object.assign(this, { parts, settings, told, lanes: new Map(), playing: false, hidden: false });
  }

  add(name) {
    this.lanes.set(name, { name, state: "new", batch: 0, wish: null, hand: null, asks: [], begun: 0, ms: null });
  }

  /* The lane goes, and its Worker with it. */
  remove(name) {
    this.lanes.get(name)?.hand?.release();
    this.lanes.delete(name);
    this.#pump();
  }

  /* Back to the checkpoint, in a Worker of its own. */
  reset(name) {
    const lane = this.lanes.get(name);
    lane.hand?.release();
    this.add(name);
    this.#pump();
  }

  play(on) {
    this.playing = on;
    this.#pump();
  }

  hide(hidden) {
    this.hidden = hidden;
    this.#pump();
  }

  /* One batch or one update of every lane. */
  once(what) {
    for (const lane of this.lanes.values()) if (!["stopped", "ended"].includes(lane.state)) lane.wish = what;
    this.#pump();
  }

  /* Eight completions of a prompt, by every lane that can; the answers come to told. */
  ask(text, id, names = [...this.lanes.keys()]) {
    for (const name of names) {
      const lane = this.lanes.get(name);
      if (!lane || lane.state === "stopped") continue;
      lane.asks = [{ ask: text, id }];
    }
    this.#pump();
  }

  get busy() {
    return [...this.lanes.values()].filter(({ state }) => state === "busy" || state === "loading").length;
  }

  release() {
    for (const name of [...this.lanes.keys()]) this.remove(name);
  }

  #pump() {
    const free = () => this.busy < cores();
    const open = [...this.lanes.values()].filter(({ state }) => state === "new" || state === "ready" || state === "ended");
    open.sort((a, b) => a.batch - b.batch);
    const going = [...this.lanes.values()].filter(({ state }) => !["stopped", "ended"].includes(state));
    const least = Math.min(...going.map(({ batch }) => batch));
    for (const lane of open) {
      if (!free()) return;
      const due = lane.state !== "ended" && !this.hidden && (lane.wish || (this.playing && lane.batch <= least));
      if (!due && !lane.asks.length) continue;
      if (lane.state === "new") this.#load(lane);
      else if (lane.asks.length) this.#send(lane, lane.asks.shift());
      else this.#batch(lane);
    }
  }

  #batch(lane) {
    const once = lane.wish ?? "batch";
    lane.wish = null;
    lane.begun = performance.now();
    this.#send(lane, { settings: this.settings(lane.name).engine, once });
  }

  #send(lane, message) {
    Object.assign(lane, { before: lane.state, state: "busy", asking: message.ask !== undefined });
    lane.hand.send(message);
  }

  async #load(lane) {
    lane.state = "loading";
    const { engine, checkpoint } = this.settings(lane.name), mine = () => this.lanes.get(lane.name) === lane;
    try {
      const { source, load } = await begin(this.parts, checkpoint);
      if (!mine()) return;
      lane.hand = new Hand(source, { heard: (data) => { if (mine()) this.#heard(lane, data); }, died: (text) => { if (mine()) this.#stop(lane, `Lane ${lane.name.toUpperCase()} stopped after ${lane.batch} batches: ${text}.`); } });
      lane.hand.send({ load, settings: engine }, [load.wasm.buffer, load.bytes.buffer]);
    } catch (error) {
      if (mine()) this.#stop(lane, error.message);
    }
  }

  #heard(lane, data) {
    if (data.error !== undefined && !lane.asking) return this.#stop(lane, data.batch === null ? data.error : `Stopped at ${data.error}`);
    if (data.error !== undefined) lane.state = lane.before;
    else if (data.ready) lane.state = "ready";
    else if (data.answers) lane.state = lane.before === "ended" ? "ended" : "ready";
    else if (data.event === "batch") this.#batched(lane, data);
    else if (data.event === "update" && data.completions) lane.state = "ready"; // asked for alone
    this.told(lane.name, data);
    return this.#pump();
  }

  #batched(lane, { row }) {
    lane.batch = row.batch + 1;
    lane.state = lane.batch >= MOST ? "ended" : "ready";
    const ms = performance.now() - lane.begun;
    lane.ms = lane.ms === null ? ms : 0.8 * lane.ms + 0.2 * ms;
  }

  #stop(lane, text) {
    lane.hand?.release();
    lane.hand = null;
    lane.state = "stopped";
    this.told(lane.name, { stopped: text });
    this.#pump();
  }
}

/* Every lane with eight seeds, in Workers of their own that go when they are done. told(name, seed, row) after every
   batch; done(text) at the end: why it ended early, or null. */
export class Seeds {
  constructor({ parts, lanes, batches, told, done }) {
    Object.assign(this, { parts, told, done, batches, hands: new Set(), running: 0, over: false, hidden: false, held: [], made: 0 });
    this.jobs = Array.from({ length: SEEDS }, (_, seed) => lanes.map((lane) => ({ ...lane, seed }))).flat();
    this.total = this.jobs.length * batches;
    for (let i = 0; i < cores(); i++) this.#take();
  }

  cancel() {
    this.#end(null);
  }

  /* A hidden page's Workers wait. */
  hide(hidden) {
    this.hidden = hidden;
    if (!hidden) for (const hand of this.held.splice(0)) hand.send({ once: "batch" });
  }

  async #take() {
    const job = this.over ? null : this.jobs.shift();
    if (!job) {
      if (!this.running) this.#end(null);
      return;
    }
    this.running += 1;
    try {
      const { source, load } = await begin(this.parts, job.checkpoint);
      if (this.over) return;
      job.left = this.batches;
      const hand = new Hand(source, { heard: (data) => { if (!this.over) this.#heard(hand, job, data); },
        died: (text) => this.#end(`Eight seeds ended early: ${text}.`) });
      this.hands.add(hand);
      hand.send({ load, settings: { ...job.engine, seed: job.seed } }, [load.wasm.buffer, load.bytes.buffer]);
    } catch (error) {
      this.#end(error.message);
    }
  }

  #heard(hand, job, { event, ready, row, error }) {
    if (event === "batch") {
      job.left -= 1;
      this.made += 1;
      this.told(job.name, job.seed, row);
    } else if (!ready && error === undefined) return;
    if (error !== undefined || !job.left) { // a seed that stops keeps what it did
      this.made += job.left;
      this.hands.delete(hand);
      hand.release();
      this.running -= 1;
      this.#take();
    } else if (this.hidden) this.held.push(hand);
    else hand.send({ once: "batch" });
  }

  #end(why) {
    if (this.over) return;
    this.over = true;
    for (const hand of this.hands) hand.release();
    this.hands.clear();
    this.done(why);
  }
}
