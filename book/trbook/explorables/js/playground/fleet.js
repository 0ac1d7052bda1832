/* The Workers, one policy in each: carries out the commands of reducer.js, and says as events what happens. */

import { unsupported } from "../../engine/js/engine.js";
import { arrive, bytes } from "./arrive.js";

const PATIENCE = 60_000; // milliseconds without a word after which a Worker counts as dead

export const cores = () => Math.max(1, Math.min(8, navigator.hardwareConcurrency || 2));

/* A Worker. heard(data): every message; died(text): it will say nothing more. */
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
    this.sent = performance.now();
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
  const { worker, wasm, cards, made } = JSON.parse(engine);
  return { source: worker, made, load: { wasm: bytes(wasm), bytes: bytes(weights), card: cards[checkpoint] } };
}

/* parts: of arrive.js; tell(event): to the reducer. */
export function fleet(parts, tell) {
  const hands = new Map();
  return {
    async open({ hand: id, checkpoint, settings, knobs }) {
      hands.set(id, null);
      try {
        const { source, load, made } = await begin(parts, checkpoint);
        if (!hands.has(id)) return; // it was closed meanwhile
        tell({ type: "engine", made });
        const hand = new Hand(source, {
          heard: (data) => { if (hands.get(id) === hand) tell({ type: "heard", hand: id, data, ms: performance.now() - hand.sent }); },
          died: (text) => { if (hands.get(id) === hand) tell({ type: "died", hand: id, text }); },
        });
        hands.set(id, hand);
        hand.send({ load: { ...load, knobs }, settings }, [load.wasm.buffer, load.bytes.buffer]);
      } catch (error) {
        if (hands.has(id)) tell({ type: "died", hand: id, text: error.message, begun: false });
      }
    },
    send({ hand, message }) { hands.get(hand)?.send(message); },
    close({ hand }) {
      hands.get(hand)?.release();
      hands.delete(hand);
    },
    release() {
      for (const id of [...hands.keys()]) this.close({ hand: id });
    },
  };
}
