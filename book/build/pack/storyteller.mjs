/* Learns as the storyteller does, for book/build/pack/packs.py: reads { wasm, weights, card, settings, batches, prompt }
   as JSON, wasm and weights in base64, and writes { rows, said }. */

import { readFileSync } from "node:fs";
import { LaneHost } from "../../trbook/explorables/engine/js/worker.js";
import { typical } from "../../trbook/explorables/js/storyteller/stories.js";

const { wasm, weights, card, settings, batches, prompt } = JSON.parse(readFileSync(0, "utf8"));
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
let last = null;
const host = new LaneHost((message) => {
  if (message.error) throw new Error(message.error);
  last = message;
});
await host.hear({ load: { wasm: bytes(wasm), bytes: bytes(weights), card }, settings });
const rows = [],
  said = [];
for (let i = 0; i < batches; i++) {
  await host.hear({ ask: prompt, id: 1 });
  said.push(typical(prompt, last.answers));
  await host.hear({ once: "batch" });
  rows.push(last.row);
}
process.stdout.write(JSON.stringify({ rows, said }));
