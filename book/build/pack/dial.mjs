/* Learns as the page does, for book/build/pack/packs.py: reads { wasm, weights, card, settings, batches, prompt } as
   JSON, wasm and weights in base64, and writes { rows, said }. */

import { readFileSync } from "node:fs";
import { LaneHost } from "../../trbook/explorables/engine/js/worker.js";

const { wasm, weights, card, settings, batches, prompt } = JSON.parse(readFileSync(0, "utf8"));
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
let last = null;
const host = new LaneHost((message) => {
  if (message.error !== undefined) throw new Error(message.error);
  last = message;
});

async function ask() {
  if (!prompt) return null;
  await host.hear({ ask: prompt, id: 1 });
  return last.answers.map(({ words, logp, verdict }) => ({
    words,
    p: Array.from(logp, Math.exp),
    right: verdict.reward > 0,
  }));
}

await host.hear({ load: { wasm: bytes(wasm), bytes: bytes(weights), card }, settings });
const rows = [],
  said = [await ask()];
for (let i = 0; i < batches; i++) {
  await host.hear({ once: "batch" });
  rows.push(last.row.reward);
  said.push(await ask());
}
process.stdout.write(JSON.stringify({ rows, said }));
