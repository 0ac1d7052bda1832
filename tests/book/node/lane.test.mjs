/* Lanes of the engine in Node, on the weights that pages load (PARTS: a file with trbook's `parts`, which test_maths.py
   makes). Two batches of every method come out as stored (tests/book/node/lanes.json; `python -m tests.book.explorables.test_maths` stores
   them anew); until these were stored, a test compared every update with trlib's loop. What one pass and one step compute
   is compared with torch in test_engine.py. */

import { strict as assert } from "node:assert";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { open } from "../../../book/trbook/explorables/engine/js/checkpoint.js";
import { Engine } from "../../../book/trbook/explorables/engine/js/engine.js";
import { Lane } from "../../../book/trbook/explorables/engine/js/lane.js";
import { brief } from "../../../book/trbook/explorables/engine/js/measures.js";
import { METHODS } from "../../../book/trbook/explorables/engine/js/methods.js";
import { putPrompt } from "../../../book/trbook/explorables/engine/js/packing.js";
import { stream } from "../../../book/trbook/explorables/engine/js/random.js";
import { sample } from "../../../book/trbook/explorables/engine/js/sampler.js";
import { TASKS } from "../../../book/trbook/explorables/engine/js/tasks.js";
import { Vocabulary } from "../../../book/trbook/explorables/engine/js/vocabulary.js";
import { LaneHost } from "../../../book/trbook/explorables/engine/js/worker.js";
import { close, plain } from "./sources.mjs";

const STORED = new URL("lanes.json", import.meta.url);
const parts = process.env.PARTS ? JSON.parse(readFileSync(process.env.PARTS, "utf8")) : null;
const { cards, wasm: module } = parts ? JSON.parse(parts.engine) : {};
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
const check = (name, of) => test(name, { skip: parts ? false : "pytest makes the weights" }, of);

async function laneOf(name, settings) {
  const card = cards[name],
    { weights } = await open(bytes(parts[name]), card);
  const checkpoint = { vocabulary: new Vocabulary(card.words), weights };
  return new Lane(await Engine.create(bytes(module)), checkpoint, new TASKS[name].kind({}), settings);
}

const ARMS = {
  ...Object.fromEntries(Object.keys(METHODS).map((name) => [name, [name, {}]])),
  "r2vpo, close": ["r2vpo", { delta: 1e-3, dual_lr: 20 }],
  "bapo by gradients": ["bapo", { count: "gradient", low: 0.9, low_most: 0.98, high: 1.02, high_most: 1.5 }],
  "trefree, close": ["trefree", { delta: 0.02 }],
  "gspo, wide": ["gspo", { eps_low: 0.01, eps_high: 0.01 }],
  "ppo, leave-one-out": ["ppo", { advantage: "leave-one-out", eps_low: 0.02, eps_high: 0.02 }],
  "troll, close": ["troll", { delta_kl: 0.001, aggregation: "seq-mean-token-mean" }],
  "centered on rewards": ["centered", { advantage: "reward" }],
  "centered, mask": ["centered", { weight: "mask", delta_tv: 0.002 }],
  "dial_rare in several passes": ["grpo", {}],
  "spend in several passes": ["grpo", {}],
};
const USUAL = { prompts: 6, group: 4, minibatches: 3, epochs: 2, lr: 1e-3, seed: 4 };
const LARGE = { prompts: 16, group: 12, minibatches: 1, epochs: 2, lr: 1e-3, seed: 1 };

/* Two batches: their rows, what their updates tell, and the weights after them. */
async function run(arm) {
  const [method, thresholds] = ARMS[arm],
    large = arm.endsWith("passes");
  const lane = await laneOf(large ? arm.split(" ")[0] : "dial", { method, thresholds, ...(large ? LARGE : USUAL) });
  const batches = [0, 1].map(() => ({ row: lane.run(), updates: lane.last.updates }));
  const updates = batches.map((one) => one.updates.map(({ norm, kept, tokens }) => [norm, kept, tokens]));
  const weights = lane.engine.read(),
    size = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0));
  return plain({ rows: batches.map(({ row }) => row), updates, size, memory: lane.memory });
}

if (process.argv.includes("--write")) {
  const found = {};
  for (const arm of Object.keys(ARMS)) found[arm] = await run(arm);
  writeFileSync(STORED, `${JSON.stringify(found)}\n`);
} else {
  const stored = JSON.parse(readFileSync(STORED, "utf8"));
  for (const arm of Object.keys(ARMS))
    check(`two batches of ${arm}`, async () => close(await run(arm), stored[arm], arm, 1e-4));
}

check("a weight that is no number stops its lane and says at which token", async () => {
  const own = (formula) => laneOf("dial", { method: "own", group: 4, thresholds: { formula } });
  const reasons = { "log(abs(A))": "infinity at A = 0", "A/(r - 1)": "infinity at A = ", "sqrt(0-r)": "no number" };
  for (const [formula, reason] of Object.entries(reasons)) {
    const lane = await own(formula);
    assert.throws(
      () => lane.run(),
      ({ message }) => message.startsWith("batch 0: the formula gives ") && message.includes(reason),
    );
  }
  await assert.rejects(own("A*d"), /d: expected a number for this constant of the formula, got undefined/);
});

check("the same seed is the same run, and lanes see the same prompts", async () => {
  const lane = await laneOf("dial", { prompts: 4, group: 4, lr: 1e-3, minibatches: 2, epochs: 2 });
  const twice = [0, 1].map(() => {
    lane.reset();
    return [lane.run(), lane.run(), lane.engine.read()];
  });
  assert.deepEqual(twice[0], twice[1]);
  const seen = (settings) => {
    lane.reset();
    lane.change(settings);
    const { asked, completions } = lane.step(),
      first = completions.filter(({ row }) => row % settings.group < 4);
    return [asked.map(({ text }) => text), first.map(({ tokens }) => tokens)];
  };
  assert.deepEqual(seen({ method: "dppo", group: 6, lr: 1e-3 }), seen({ method: "grpo", group: 4 }));
});

/* What cannot be is said, and afterwards the lane learns. */
const STOPPED = {
  "batch ": (lane) => {
    lane.change({ lr: 1e39, warmup: 0 });
    for (let k = 0; k < 6; k++) lane.run();
  },
  "batch 0: sampling: NaN or inf among the logits": (lane) => {
    lane.engine.weights.fill(NaN);
    lane.engine.wasm.settle();
    lane.run();
  },
  "group: expected at most": (lane) => {
    lane.change({ group: 600 });
    lane.run();
  },
  "method: expected one of": (lane) => lane.change({ method: "grop" }),
  "grpo: expected settings among": (lane) => lane.change({ thresholds: { delta_kl: 1 } }),
  "minibatches: expected a divisor of prompts": (lane) => lane.change({ minibatches: 3 }),
  "group: expected a whole number of at least 1, got 2.5": (lane) => lane.change({ group: 2.5 }),
  "group: expected at least 2 with group-std": (lane) => lane.change({ group: 1 }),
  "lr: expected a number above 0, got 0": (lane) => lane.change({ lr: 0 }),
  "settings: expected method": (lane) => lane.change({ steps: 3 }),
  "prompt: expected a start below 20": (lane) => lane.ask("37 :"),
};
check("what cannot be is said, and the lane learns on", async () => {
  const lane = await laneOf("dial", { prompts: 4, group: 4 });
  for (const [reason, act] of Object.entries(STOPPED)) {
    assert.throws(
      () => act(lane),
      ({ message }) => message.includes(reason),
      reason,
    );
    lane.reset();
    lane.change({ lr: 1e-4, warmup: 10, group: 4 });
    assert.ok(lane.run().reward <= 1);
    lane.reset();
  }
});

/* What a pass refuses, with its weights as they were. */
const SET = { token: [1, 114], position: [2, 128], shared: [3, 70], predictor: [0, 4], target: [0, -1] };
const TOLD = {
  token: "token: expected one of the vocabulary",
  position: "position: expected 0 to 127",
  shared: "keys: expected at most 64",
  predictor: "predictor: expected a row of the pass",
  target: "target: expected a token",
};
const PASSES = {
  "rows: expected at most 1024": (engine) => engine.forward(5000, 1),
  "outputs: expected at most 1024": (engine) => engine.forward(4, 2000),
  "slot: expected 0 to 8191": (engine) => {
    [engine.slot[3], engine.own_from[3]] = [8192, 8190];
    engine.forward(4, 1);
  },
  "slot: expected 0 to 8191, got": (engine) => {
    [engine.shared_from[3], engine.shared[3]] = [8190, 5];
    engine.forward(4, 1);
  },
  "keys: expected at most 64 tokens": (engine) => {
    engine.shared[3] = 2 ** 31 - 1;
    engine.forward(4, 1);
  },
  "expected every row's own number": (engine) => {
    [engine.slot[3], engine.own_from[3]] = [9, 8];
    engine.forward(4, 1);
    engine.backward(4, 1);
  },
  "weights: expected 114112 numbers": (engine) => engine.load({ vocabulary: 114, weights: new Float32Array(5) }),
  "vocabulary: expected 1 to 272": (engine) => engine.load({ vocabulary: 300, weights: new Float32Array(5) }),
  "grad_norm is NaN": (engine) => {
    engine.gradients[5] = NaN;
    engine.step({ lr: 1 });
  },
};
for (const [name, [place, value]] of Object.entries(SET))
  PASSES[TOLD[name]] = (engine) => {
    engine[name][place] = value;
    engine.forward(4, 1);
  };
const built = (name) =>
  readFileSync(new URL(`../../../book/trbook/explorables/engine/built/${name}.wasm`, import.meta.url));
test("what does not fit is refused by name", async () => {
  for (const build of ["engine", "checked"])
    for (const [reason, act] of Object.entries(PASSES)) {
      const engine = await Engine.create(built(build));
      engine.load({ vocabulary: 114, weights: new Float32Array(114112).fill(0.01) });
      putPrompt(engine, 0, [5, 6, 7, 8]);
      [engine.predictor[0], engine.target[0]] = [3, 1];
      const before = engine.read();
      assert.throws(
        () => act(engine),
        ({ message }) => message.includes(reason.replace(", got", "")),
        reason,
      );
      assert.deepEqual(engine.read(), before, reason);
    }
  const engine = await Engine.create(built("checked"));
  engine.load({ vocabulary: 114, weights: new Float32Array(114112) });
  assert.throws(() => engine.wasm.weigh(5000), /push: index 1024 of an array of 1024/);
});

check("more completions than the cache holds are written in portions", async () => {
  const { engine, task, checkpoint } = await laneOf("spend", {}),
    random = stream(1, "prompts");
  const prompts = Array.from({ length: 40 }, () => checkpoint.vocabulary.encode(task.prompt(random).words));
  const table = Array.from({ length: 400 }, (_, i) => Array.from({ length: 32 }, stream(1, i)));
  const given = (from) => ({ group: 10, maxTokens: 32, uniform: (row, t) => table[from + row][t] });
  const all = sample(engine, prompts, given(0)),
    last = sample(engine, prompts.slice(-1), given(390));
  assert.deepEqual(
    all.slice(-10).map(({ tokens }) => tokens),
    last.map(({ tokens }) => tokens),
  );
});

check("weights that are others are refused", async () => {
  const other = bytes(parts.dial);
  other[7] ^= 1;
  await assert.rejects(open(other, cards.dial), /not those that were packed/);
});

test("prompts are those that a task can ask", () => {
  const many = (name, knobs) => {
    const task = new TASKS[name].kind(knobs),
      random = stream(0, name);
    return Array.from({ length: 600 }, () => task.prompt(random));
  };
  const difficulties = (asked) => [...new Set(asked.map(({ difficulty }) => difficulty))].sort((a, b) => a - b);
  const range = (low, high) => Array.from({ length: high - low + 1 }, (_, i) => low + i);
  const five = many("dial");
  assert.deepEqual(difficulties(five), [5]);
  assert.deepEqual(difficulties(many("dial", { moves: [1, 8] })), range(1, 8));
  assert.deepEqual(difficulties(many("spend")), range(12, 40));
  assert.ok(many("spend", { amount: 12 }).every(({ text }) => text === "12 :"));
  const counts = {};
  for (const move of five.flatMap(({ moves }) => moves)) counts[move] = (counts[move] ?? 0) + 1;
  assert.ok(Object.keys(counts).length === 16 && Math.max(...Object.values(counts)) < (1.4 * 3000) / 16);
});

test("random numbers are uniform, and streams differ", () => {
  const paths = [[0, "a"], [0, "b"], [1, "a"], [0, "a", 1]]; // prettier-ignore
  const rows = paths.map((path) => Array.from({ length: 20_000 }, stream(...path)));
  const dot = (a, b) => a.reduce((sum, x, i) => sum + (x - 0.5) * (b[i] - 0.5), 0) / a.length;
  for (const [i, row] of rows.entries()) {
    const counts = Array(50).fill(0);
    for (const x of row) counts[Math.floor(50 * x)] += 1;
    // with 49 degrees above 95 once in 10,000
    assert.ok(counts.reduce((sum, n) => sum + (n - 400) ** 2 / 400, 0) < 95);
    for (const other of rows.slice(0, i)) assert.ok(Math.abs(dot(row, other)) < 0.03 / 12);
  }
});

test("an update in a few numbers", () => {
  const ratios = Array.from({ length: 201 }, (_, i) => 0.5 * 1.01 ** ((37 * i) % 201));
  const summary = brief({ tokens: 201, kept: 0.9, norm: 2, ratios }, 3, 8);
  close(summary.ratio, [0, 10, 50, 100, 150, 190, 200].map((i) => 0.5 * 1.01 ** i), "quantiles"); // prettier-ignore
  close(summary.kl, ratios.reduce((sum, r) => sum + r - 1 - Math.log(r), 0) / 201, "kl");
  assert.deepEqual([summary.number, summary.of, summary.tokens, summary.kept, summary.norm], [3, 8, 201, 0.9, 2]);
  assert.deepEqual(brief({ tokens: 0, kept: NaN, norm: 0, ratios: [] }, 1, 1).ratio, []);
});

check("a Worker's host steps and answers", async () => {
  const log = [],
    host = new LaneHost((message) => log.push(structuredClone(message)));
  const hear = async (message) => {
    await host.hear(message);
    return log.at(-1);
  };
  const load = { wasm: bytes(module), bytes: bytes(parts.dial), card: cards.dial };
  const settings = { prompts: 4, group: 4, minibatches: 2, epochs: 2, lr: 1e-3 };
  assert.match((await hear({ once: "batch" })).error, /^lane: expected \{ load \}/);
  assert.ok((await hear({ load, settings })).memory < 32_000_000);
  const { update, completions } = await hear({ once: "update" }),
    batch = await hear({ once: "batch" });
  assert.deepEqual([update, completions.length, batch.completions.length], [batch.updates[0], 16, 16]);
  assert.deepEqual([update.ratio, update.kl, update.kept], [Array(7).fill(1), 0, 1]);
  assert.deepEqual(
    batch.updates.map(({ number, of }) => [number, of]),
    [1, 2, 3, 4].map((number) => [number, 4]),
  );
  const { ratio, kl, tokens } = batch.updates[3];
  assert.ok(ratio[0] < 1 && ratio[6] > 1 && kl > 0 && tokens > 0);
  assert.equal((await hear({ ask: "7 : +3 flip =", id: 5 })).answers.length, 8);
  await hear({ load, settings });
  assert.deepEqual((await hear({ once: "batch" })).row, batch.row);
  assert.equal((await hear({ settings: { lr: -1 } })).error, "lr: expected a number above 0, got -1");
});
