/* The Workers, one policy in each: carries out the commands of reducer.js, and says as events what happens. */

import { unsupported } from "../../engine/js/engine.js";
import { arrive, bytes } from "../parts/arrive.js";

const PATIENCE = 60; // seconds without a word after which a Worker counts as dead

export const cores = () => Math.max(1, Math.min(8, navigator.hardwareConcurrency || 2));

/* A Worker. heard(data, ms): every message, and how long it took, if that can be told; died(text): it will say nothing
   more. A tab may sleep for an hour, and its Worker with it: only seconds in which the page was awake count as silence. */
class Hand {
  constructor(source, { heard, died }) {
    this.url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.worker = new Worker(this.url);
    this.worker.onmessage = ({ data }) => {
      clearInterval(this.timer);
      const ms = performance.now() - this.sent;
      heard(data, ms < 1000 * PATIENCE ? ms : null);
    };
    this.worker.onerror = (event) => {
      event.preventDefault?.();
      died(`its Worker died (${event.message || "no reason given"})`);
    };
    this.worker.onmessageerror = () => died("its Worker sent what cannot be read");
    this.died = died;
  }

  send(message) {
    clearInterval(this.timer);
    let waited = 0;
    this.timer = setInterval(() => {
      waited += 1;
      if (waited >= PATIENCE) this.died(`its Worker has said nothing for ${PATIENCE} seconds`);
    }, 1000);
    this.sent = performance.now();
    this.worker.postMessage(message);
  }

  release() {
    clearInterval(this.timer);
    this.worker.terminate();
    URL.revokeObjectURL(this.url);
  }
}

/* What the Workers of a page begin with, by checkpoint: read once, each part in a task of its own. Throws in plain words
   where this browser cannot, or something did not arrive. */
function beginnings(parts) {
  const read = new Map(),
    rest = () =>
      new Promise((done) => {
        setTimeout(done);
      });
  const once = (name, make) => {
    if (!read.has(name))
      read.set(
        name,
        make().catch((error) => {
          read.delete(name);
          throw error;
        }),
      ); // so that it can be tried again
    return read.get(name);
  };
  const engine = async () => {
    const text = await arrive(parts, "engine");
    await rest();
    const { wasm, ...more } = JSON.parse(text);
    return { ...more, wasm: bytes(wasm) };
  };
  const weights = async (checkpoint) => {
    const text = await arrive(parts, checkpoint);
    await rest();
    return bytes(text);
  };
  return async (checkpoint) => {
    const why = unsupported();
    if (why) throw new Error(`The policy cannot learn here: ${why}.`);
    if (typeof Worker !== "function") throw new Error("The policy cannot learn here: this browser runs no Workers.");
    const [{ worker, wasm, cards, made }, own] = await Promise.all([
      once("engine", engine),
      once(checkpoint, () => weights(checkpoint)),
    ]);
    await rest();
    return { source: worker, made, load: { wasm, bytes: own, card: cards[checkpoint] } };
  };
}

/* parts: of arrive.js; tell(event): to the reducer. */
export function fleet(parts, tell) {
  const hands = new Map(),
    begin = beginnings(parts);
  return {
    async open({ hand: id, checkpoint, settings, knobs }) {
      hands.set(id, null);
      try {
        const { source, load, made } = await begin(checkpoint);
        if (!hands.has(id)) return; // it was closed meanwhile
        tell({ type: "engine", made });
        const hand = new Hand(source, {
          heard: (data, ms) => {
            if (hands.get(id) === hand) tell({ type: "heard", hand: id, data, ms });
          },
          died: (text) => {
            if (hands.get(id) === hand) tell({ type: "died", hand: id, text });
          },
        });
        hands.set(id, hand);
        hand.send({ load: { ...load, knobs }, settings });
      } catch (error) {
        if (hands.has(id)) tell({ type: "died", hand: id, text: error.message, begun: false });
      }
    },
    send({ hand, message }) {
      hands.get(hand)?.send(message);
    },
    close({ hand }) {
      hands.get(hand)?.release();
      hands.delete(hand);
    },
    release() {
      for (const id of [...hands.keys()]) this.close({ hand: id });
    },
  };
}
