/* One update: score a minibatch, weigh its tokens by the method, backward, one step of AdamW. */

import { factors } from "./aggregation.js";
import { compare } from "./measures.js";
import { passes, write } from "./packing.js";
import { charged } from "./objectives.js";

export class Update {
  constructor(engine, { ids, settings }, memory, limit) {
    this.engine = engine;
    this.ids = ids;
    this.settings = settings;
    this.method = settings.method;
    this.memory = memory;
    this.limit = limit;
  }

  /* Gives { norm, kept, tokens, ratios }: the gradient's norm before it was clipped, how many of the tokens the region
     keeps, and their ratios. Notes on every completion scored its log-probs `now` and which tokens are `kept`. */
  make(completions) {
    const counted = completions.filter(({ counts }) => counts),
      lengths = counted.map(({ tokens }) => tokens.length);
    const scale = factors(this.method.settings.aggregation, lengths, this.limit);
    for (const [i, one] of counted.entries()) one.factor = scale[i];
    const teaching = this.#teaching(counted);
    this.shared = this.method.survey?.(this.#read(teaching));
    const seen = {
      tokens: lengths.reduce((total, n) => total + n, 0),
      silenced: 0,
      ratios: [],
    };
    for (const pass of passes(this.engine, this.ids, teaching)) this.#learn(pass, seen);
    const norm = this.engine.step(this.settings);
    if (this.method.name === "r2vpo") this.#charge(teaching);
    return {
      norm,
      kept: seen.tokens ? 1 - seen.silenced / seen.tokens : NaN,
      tokens: seen.tokens,
      ratios: seen.ratios,
    };
  }

  /* Completions that can have a gradient; the region keeps the others. */
  #teaching(counted) {
    const all = !this.method.kind.proportional || this.settings.beta;
    return all ? counted : counted.filter(({ advantage }) => advantage !== 0);
  }

  /* A pass forwards and back: the weights of its tokens, and gradients of whole distributions where there are any. */
  #learn(pass, seen) {
    const { engine, method } = this,
      first = write(engine, this.ids, pass);
    engine.forward(pass.rows, pass.outputs);
    if (method.kind.full) compare(engine, pass, first);
    const gradients = pass.of.map((one, i) => this.#weigh(one, first[i], seen));
    engine.wasm.weigh(pass.outputs);
    if (method.name === "ppo_penalty") this.#penalise(pass, first);
    for (const [i, rows] of gradients.entries()) this.#replace(rows, first[i], pass.of[i].factor);
    engine.backward(pass.rows, pass.outputs);
  }

  /* The method's weights of a completion into `push`; gives gradients of whole distributions, where there are any. */
  #weigh(one, first, seen) {
    const { engine, method } = this,
      { beta } = this.settings,
      length = one.tokens.length;
    one.now = Array.from(engine.chosen.subarray(first, first + length));
    const found = method.kind.whole
      ? this.#whole(one, first)
      : method.objective({
          ...one,
          ...this.memory,
          ...this.shared,
          logp: one.now,
          old: one.logp,
        });
    for (let t = 0; t < length; t++) {
      const back = beta ? beta * (one.ref[t] - one.now[t]) : 0;
      engine.push[first + t] = (found.weight[t] + back) * one.factor;
      seen.silenced += found.kept[t] ? 0 : 1;
      seen.ratios.push(Math.exp(one.now[t] - one.logp[t]));
    }
    Object.assign(one, { kept: found.kept, weight: found.weight });
    return found.gradient ?? [];
  }

  /* A pass forwards for nothing but the log-probs: completions as an objective takes them. */
  #read(completions) {
    const { engine } = this;
    return passes(engine, this.ids, completions).flatMap((pass) => {
      const first = write(engine, this.ids, pass);
      engine.forward(pass.rows, pass.outputs);
      return pass.of.map((one, i) => ({
        logp: Array.from(engine.chosen.subarray(first[i], first[i] + one.tokens.length)),
        old: one.logp,
        advantage: one.advantage,
      }));
    });
  }

  /* What an objective of whole distributions finds. moved: KL(π || μ) of a token, nats. */
  #whole(one, first) {
    const { engine, method } = this,
      { vocabulary } = engine;
    const rows = one.tokens.map((_, t) => engine.distribution(first + t).subarray(0, vocabulary));
    return method.objective({
      logp: rows,
      old: one.full.map((row) => row.subarray(0, vocabulary)),
      tokens: one.tokens,
      advantage: one.advantage,
      moved: (t) => engine.kl_back[first + t],
    });
  }

  /* Gradients of whole distributions, in place of those that a token's weight would give. */
  #replace(rows, first, factor) {
    for (const [t, row] of rows.entries()) {
      if (!row) continue;
      const at = (first + t) * this.engine.columns;
      for (let v = 0; v < row.length; v++) this.engine.logit_gradients[at + v] = factor * row[v];
    }
  }

  get beta() {
    return this.memory.beta ?? this.method.settings.beta;
  }

  /* + β KL(q || π) on every token. */
  #penalise(pass, first) {
    for (const [i, { tokens, factor }] of pass.of.entries()) {
      for (const t of tokens.keys()) this.engine.push[first[i] + t] = this.beta * factor;
    }
    this.engine.wasm.draw_near(pass.outputs);
  }

  /* R2VPO: λ follows the mean of (r - 1)² that the update has reached. */
  #charge(completions) {
    const { settings } = this.method;
    if (settings.dual_lr === 0) return;
    const ratios = this.#read(completions).flatMap(({ logp, old }) => logp.map((p, t) => p - old[t]));
    this.memory.lam = charged(this.memory.lam ?? settings.lam, ratios, settings);
  }

  /* Move β by the KL that a batch has reached. */
  adapt(completions) {
    const { engine } = this;
    let total = 0,
      count = 0;
    for (const pass of passes(engine, this.ids, completions)) {
      const first = write(engine, this.ids, pass);
      engine.forward(pass.rows, pass.outputs);
      compare(engine, pass, first);
      for (let i = 0; i < pass.outputs; i++) total += engine.kl_forth[i];
      count += pass.outputs;
    }
    if (!count || !Number.isFinite(total)) return;
    this.memory.beta = adapted(this.beta, total / count, this.method.settings.target_kl);
  }
}

/* PPO's rule: half of β below target / 1.5, twice above 1.5 target. */
function adapted(beta, kl, target) {
  const next = kl < target / 1.5 ? beta / 2 : kl > 1.5 * target ? beta * 2 : beta;
  return Math.max(1e-6, Math.min(1e6, next));
}
