/* Bytes of one batch, part by part. trbook.scale.memory: the same formulas under the same names. */

export const CHUNK = 2048,
  FISHER_ROWS = 64;
export const PARTS = ["weights", "gradients", "optimizer", "activations", "logits", "anchors", "extra", "cache"];
const shape = (vocabulary, hidden, layers, inner, heads, kvHeads, tied, bias) => ({
  vocabulary,
  hidden,
  layers,
  inner,
  heads,
  kv: (hidden / heads) * kvHeads,
  tied,
  bias,
});
export const MODELS = {
  embedded: shape(272, 64, 2, 192, 4, 4, true, false),
  "SmolLM2-135M": shape(49152, 576, 30, 1536, 9, 3, true, false),
  "Qwen2.5-0.5B": shape(151936, 896, 24, 4864, 14, 2, true, true),
  "Qwen2.5-7B": shape(152064, 3584, 28, 18944, 28, 4, false, true),
};
const KEPT = { "4 full": [32, 16, 8], "4 lora": [24, 16, 8], "2 full": [20, 8, 4], "2 lora": [36, 10, 4] };

export function parameters({ vocabulary, hidden: h, layers, inner, kv, tied, bias }) {
  return (
    layers * (2 * h * h + 2 * h * kv + 3 * h * inner + 2 * h + (bias ? h + 2 * kv : 0)) +
    h +
    vocabulary * h * (tied ? 1 : 2)
  );
}

export const adapters = ({ hidden: h, layers, inner, kv }, rank) =>
  layers * rank * (2 * (h + h) + 2 * (h + kv) + 3 * (h + inner));

/* Everything that a setup (trbook.scale.memory.Setup) takes. */
export function bytes(s) {
  const own = MODELS[s.model],
    m = { ...own, vocabulary: s.vocabulary || own.vocabulary },
    lora = s.learns === "lora",
    width = s.precision === "bfloat16" ? 2 : 4;
  const all = s.prompts * s.group,
    rows = Math.min(s.at_once, all),
    learning = lora ? adapters(m, s.rank) : parameters(m);
  const weights = width * parameters(m) + (lora ? 4 * learning : 0),
    gradients = (lora ? 4 : width) * learning,
    adam = (8 + (!lora && width === 2 ? 4 : 0)) * learning;
  const [a, b, c] = KEPT[`${width} ${s.learns}`];
  const aToken = m.layers * (a * m.hidden + b * m.inner + c * m.kv + 4 * m.heads + 8 + (lora ? 28 * s.rank : 0)),
    aRow = aToken * (s.prompt + s.completion);
  const whole = s.scoring === "full" || s.method === "full" || s.method === "trpo";
  const logits = rows * s.completion * (whole ? 12 * m.vocabulary : 12 * Math.min(CHUNK, m.vocabulary) + 4 * m.hidden);
  const more =
    { topk: 12 * Math.min(s.top_k, m.vocabulary), full: 4 * m.vocabulary, trpo: 4 * m.vocabulary }[s.method] ?? 0;
  const anchors = all * s.completion * (8 + more),
    fisher = Math.min(FISHER_ROWS, all);
  const extra =
    s.method === "critic"
      ? weights + gradients + adam + rows * aRow
      : s.method === "trpo"
        ? fisher * aRow + 12 * fisher * s.completion * m.vocabulary + 20 * learning
        : 0;
  const optimizer = s.method === "trpo" ? 0 : adam;
  const updating = { weights, gradients, optimizer, activations: rows * aRow, logits, anchors, extra, cache: 0 };
  const sampling = {
    weights,
    gradients: 0,
    optimizer,
    activations: 0,
    logits: 8 * all * m.vocabulary,
    anchors,
    extra: s.method === "critic" ? weights + adam : 0,
    cache: 2 * m.layers * m.kv * width * all * (s.prompt + s.completion),
  };
  return { updating, sampling, parameters: parameters(m), learning, peak: Math.max(total(updating), total(sampling)) };
}

export const total = (parts) => PARTS.reduce((sum, part) => sum + parts[part], 0);
