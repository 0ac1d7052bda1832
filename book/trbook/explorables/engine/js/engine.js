/* The engine's face: one instance of the WebAssembly module, its memory by name, and errors in words.

   A module computes one policy at a time. Inputs and outputs are typed arrays over the module's memory (`memory.h` says
   what they hold); nothing is copied. */

const FLOATS = [
  "weights",
  "gradients",
  "moments_1",
  "moments_2",
  "push",
  "cosine",
  "sine",
  "log_probs",
  "chosen",
  "others",
  "kl_forth",
  "kl_back",
  "tv",
  "entropy",
  "logit_gradients",
];
const INTEGERS = ["token", "position", "slot", "shared_from", "shared", "own_from", "predictor", "target"];
const LIMITS = ["width", "half", "inner", "layers", "most_vocabulary", "positions", "rows", "outputs", "slots", "keys"];

/* Why a pass is refused, in the order of model.c. */
const REFUSALS = (limits) => [
  "",
  `rows: expected at most ${limits.rows} in a pass`,
  `outputs: expected at most ${limits.outputs} in a pass`,
  "token: expected one of the vocabulary",
  `position: expected 0 to ${limits.positions - 1}`,
  `slot: expected 0 to ${limits.slots - 1}`,
  `keys: expected at most ${limits.keys} tokens that one attends to`,
  "predictor: expected a row of the pass",
  "target: expected a token of the vocabulary",
  "slot: before a gradient, expected every row's own number",
];

export class EngineError extends Error {}

/* What browsers without WebAssembly's SIMD refuse: a function that splats a number. */
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];

/* null where the engine can run here, else why not. */
export function unsupported() {
  if (typeof WebAssembly !== "object") return "this browser runs no WebAssembly";
  return WebAssembly.validate(new Uint8Array(SIMD)) ? null : "this browser's WebAssembly has no SIMD instructions";
}

export class Engine {
  /* module: a compiled WebAssembly.Module, or its bytes. */
  static async create(module) {
    const why = unsupported();
    if (why) throw new EngineError(why);
    const compiled = module instanceof WebAssembly.Module ? module : await WebAssembly.compile(module);
    const found = {};
    const env = {
      fault: (name, index, length) => {
        throw new EngineError(fault(found, name, index, length));
      },
    };
    const instance = await WebAssembly.instantiate(compiled, { env });
    found.memory = instance.exports.memory;
    return new Engine(instance.exports);
  }

  /* The module's memory by name, `FLOATS` and `INTEGERS`; typed here, filled by `load`. */
  /** @type {Float32Array} */ weights;
  /** @type {Float32Array} */ gradients;
  /** @type {Float32Array} */ moments_1;
  /** @type {Float32Array} */ moments_2;
  /** @type {Float32Array} */ log_probs;

  constructor(wasm) {
    this.wasm = wasm;
    this.limits = Object.fromEntries(LIMITS.map((name) => [name, wasm[`${name}_is`]()]));
    this.refusals = REFUSALS(this.limits);
    this.#angles();
  }

  /* Take up a checkpoint: { vocabulary, weights }, its weights in the order of shape.h without unused columns; AdamW
     begins anew. */
  load({ vocabulary, weights }) {
    const { width, most_vocabulary: most } = this.limits;
    const columns = this.wasm.set_vocabulary(vocabulary);
    if (!columns) throw new EngineError(`vocabulary: expected 1 to ${most} tokens, got ${vocabulary}`);
    this.vocabulary = vocabulary;
    this.columns = columns;
    this.parameters = this.#whole() - (most - columns) * width;
    const expected = this.parameters - (columns - vocabulary) * width;
    if (weights.length !== expected) {
      throw new EngineError(`weights: expected ${expected} numbers for ${vocabulary} tokens, got ${weights.length}`);
    }
    for (const name of FLOATS) this[name] = this.#view(name, Float32Array, this.#length(name));
    for (const name of INTEGERS) this[name] = this.#view(name, Int32Array, this.#length(name));
    this.uniform = this.#view("uniform", Float64Array, this.limits.outputs);
    this.write(weights);
    this.reset();
  }

  /* The weights alone, in the order they came. */
  read() {
    const head = this.vocabulary * this.limits.width,
      tail = this.columns * this.limits.width;
    const out = new Float32Array(this.parameters - (tail - head));
    out.set(this.weights.subarray(0, head));
    out.set(this.weights.subarray(tail), head);
    return out;
  }

  /* Set the weights; what AdamW remembers stays. */
  write(weights) {
    const head = this.vocabulary * this.limits.width,
      tail = this.columns * this.limits.width;
    this.weights.set(weights.subarray(0, head));
    this.weights.fill(0, head, tail);
    this.weights.set(weights.subarray(head), tail);
    this.wasm.settle();
  }

  /* Forget the optimiser's past. */
  reset() {
    this.moments_1.fill(0);
    this.moments_2.fill(0);
    this.gradients.fill(0);
    this.updates = 0;
  }

  /* rows through the layers, outputs of them through the head: `log_probs`, `chosen`. */
  forward(rows, outputs) {
    const code = this.wasm.forward(rows, outputs);
    if (code) throw new EngineError(`forward: ${this.refusals[code]}, got ${rows} rows with ${outputs} outputs`);
  }

  /* gradients += those of `logit_gradients`, of the pass before. */
  backward(rows, outputs) {
    const code = this.wasm.backward(rows, outputs);
    if (code) throw new EngineError(`backward: ${this.refusals[code]}, got ${rows} rows with ${outputs} outputs`);
  }

  /* target[i] drawn by uniform[i], for the outputs of the pass before. */
  draw(outputs) {
    const bad = this.wasm.draw(outputs);
    if (bad >= 0) throw new EngineError("sampling: NaN or inf among the logits, expected finite numbers");
  }

  /* One row of `log_probs`, as a view. */
  distribution(i) {
    return this.log_probs.subarray(i * this.columns, (i + 1) * this.columns);
  }

  norm() {
    return Math.sqrt(this.wasm.squared_norm());
  }

  /* Clip the gradient to a norm, one step of AdamW after a linear warm-up, clear the gradient: as trlib's loop. Gives
     the norm before it was clipped. Not finite: the weights are as they were. */
  step({ lr, betas = [0.9, 0.95], weightDecay = 0, warmup = 10, gradNorm = 1, speed = 1 }) {
    const norm = this.norm();
    if (!Number.isFinite(norm)) {
      this.wasm.clear_gradients();
      throw new EngineError(`update ${this.updates}: grad_norm is ${norm}, expected a finite number`);
    }
    this.updates += 1;
    const rate = lr * Math.min(1, this.updates / Math.max(warmup, 1)) * speed;
    const unbias = betas.map((beta) => 1 - beta ** this.updates);
    this.wasm.adamw(rate, ...betas, ...unbias, Math.min(1, gradNorm / (norm + 1e-6)), weightDecay);
    this.wasm.clear_gradients();
    this.wasm.settle();
    return norm;
  }

  #view(name, type, length) {
    return new type(this.wasm.memory.buffer, this.wasm[`at_${name}`](), length);
  }

  #whole() {
    const { width, inner, layers, most_vocabulary: most } = this.limits;
    return most * width + layers * (2 * width + 4 * width * width + 3 * inner * width) + width;
  }

  #length(name) {
    const { rows, outputs, positions, half } = this.limits;
    if (["weights", "gradients", "moments_1", "moments_2"].includes(name)) return this.parameters;
    if (["log_probs", "others", "logit_gradients"].includes(name)) return outputs * this.columns;
    if (name === "cosine" || name === "sine") return positions * half;
    return ["token", "position", "slot", "shared_from", "shared", "own_from"].includes(name) ? rows : outputs;
  }

  /* The angles of rotary positions, rounded to float32 where torch rounds them. */
  #angles() {
    const { positions, half } = this.limits;
    const cosine = this.#view("cosine", Float32Array, positions * half);
    const sine = this.#view("sine", Float32Array, positions * half);
    for (let d = 0; d < half; d++) {
      const frequency = Math.fround(1 / Math.fround(10000 ** Math.fround(d / half)));
      for (let p = 0; p < positions; p++) {
        const angle = Math.fround(p * frequency);
        cosine[p * half + d] = Math.cos(angle);
        sine[p * half + d] = Math.sin(angle);
      }
    }
  }
}

function fault({ memory }, name, index, length) {
  const bytes = new Uint8Array(memory.buffer);
  let text = "";
  for (let i = name; bytes[i]; i++) text += String.fromCharCode(bytes[i]);
  return `${text}: index ${index} of an array of ${length}`;
}
