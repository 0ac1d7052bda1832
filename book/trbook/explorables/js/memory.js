/* memory: what fills a card while a batch is drawn and learned from, part by part. */

import { bench, drawing, h, linearScale, number, say, whole, join } from "./parts/common.js";
import { PARTS, bytes, total } from "./memory/maths.js";
import style from "./memory/style.css";

const CARDS = [16e9, 24e9, 80e9],
  FIXED = { top_k: 64, rank: 8 };
const LOOKS = {
  weights: { name: "weights", hue: "var(--h0)" },
  gradients: { name: "gradients", hue: "var(--h2)" },
  optimizer: { name: "AdamW's state", hue: "var(--h7)" },
  activations: { name: "activations", hue: "var(--h5)" },
  logits: { name: "logits", hue: "var(--h1)" },
  anchors: { name: "anchors", hue: "var(--h6)" },
  extra: { name: "critic or F's graph", hue: "var(--h3)" },
  cache: { name: "keys and values", hue: "var(--h4)" },
};
const MOMENTS = [
  ["updating", "while updating"],
  ["sampling", "while sampling"],
];
const size = (label, spoken, rungs, high, why, fold = false) => ({
  label,
  spoken,
  rungs,
  low: 1,
  high,
  why,
  write: whole,
  fold,
});
const settings = {
  model: {
    legend: "Model",
    choices: [
      ["embedded", "embedded"],
      ["SmolLM2-135M", "135M"],
      ["Qwen2.5-0.5B", "0.5B"],
      ["Qwen2.5-7B", "7B"],
    ],
  },
  method: {
    legend: "What the method keeps",
    choices: [
      ["logp", "log-probs"],
      ["topk", "top 64"],
      ["full", "distributions"],
      ["trpo", "TRPO"],
      ["critic", "critic"],
    ],
  },
  scoring: {
    fold: true,
    legend: "Scoring",
    choices: [
      ["full", "whole logits"],
      ["chunked", "in chunks"],
    ],
  },
  learns: {
    fold: true,
    legend: "What learns",
    choices: [
      ["lora", "LoRA"],
      ["full", "all weights"],
    ],
  },
  precision: {
    fold: true,
    legend: "Weights in",
    choices: [
      ["bfloat16", "bfloat16"],
      ["float32", "float32"],
    ],
  },
  at_once: size(
    "at once",
    "completions at once in an update",
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    65536,
    "at least one completion goes through the model, and at most 65 536 here.",
    true,
  ),
  completion: size(
    "completion",
    "tokens of a completion",
    [4, 8, 16, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384],
    131072,
    "a completion has at least one token, and at most 131 072 here.",
  ),
  prompt: size(
    "prompt",
    "tokens of a prompt",
    [4, 16, 64, 128, 256, 512, 1024, 2048, 4096],
    131072,
    "a prompt has at least one token, and at most 131 072 here.",
    true,
  ),
  prompts: size(
    "prompts",
    "prompts of a batch",
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    4096,
    "a batch has at least one prompt, and at most 4096 here.",
    true,
  ),
  group: size(
    "group",
    "completions of a prompt",
    [1, 2, 4, 8, 16, 32, 64],
    1024,
    "a group has at least one completion, and at most 1024 here.",
  ),
  vocabulary: {
    fold: true,
    label: "vocabulary",
    spoken: "tokens of the vocabulary, 0 for the model's own",
    rungs: [0, 272, 32000, 49152, 100352, 128256, 151936, 262144],
    low: 0,
    high: 1e6,
    why: "a vocabulary has no negative size, and at most a million tokens here.",
    write: (value) => (value ? whole(value) : "own"),
  },
};
const WHOLE = Object.keys(settings).filter((key) => settings[key].rungs);

const limit = (s) =>
  WHOLE.filter((key) => !Number.isInteger(s[key])).map((key) => [
    key,
    Math.max(settings[key].low, Math.round(s[key])),
    `${settings[key].label} = ${s[key]} is no whole number.`,
  ]);

/* 1.4 GB, 870 MB, 12 kB: of 10^9, 10^6 and 10^3 bytes. */
/** @type {[number, string][]} */
const GREAT = [
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "kB"],
  [1, "B"],
];
function amount(value) {
  const [unit, name] = GREAT.find(([least]) => value >= 0.995 * least) ?? GREAT[3],
    share = value / unit;
  return `${value === 0 ? "0" : share >= 99.5 ? whole(share) : share.toFixed(1)} ${name}`;
}
const many = (count) =>
  count >= 1e9
    ? `${(count / 1e9).toFixed(1)} billion`
    : count >= 1e6
      ? `${(count / 1e6).toFixed(1)} million`
      : number(count);

const everything = (s) => bytes({ ...FIXED, ...s });

function read(s) {
  const found = everything(s),
    sums = Object.fromEntries(MOMENTS.map(([moment]) => [moment, total(found[moment])]));
  const worse = sums.updating >= sums.sampling ? "updating" : "sampling";
  const largest = PARTS.reduce((best, part) => (found[worse][part] > found[worse][best] ? part : best), PARTS[0]);
  return {
    found,
    sums,
    worse,
    largest,
    verdict: verdict(s, found, worse, largest),
    facts: [
      ["while updating", amount(sums.updating)],
      ["while sampling", amount(sums.sampling)],
      ["largest part", `${LOOKS[largest].name}, ${amount(found[worse][largest])}`],
      ["numbers that learn", many(found.learning)],
    ],
  };
}

function verdict(s, found, worse, largest) {
  const card = CARDS.find((one) => found.peak <= one),
    fits = card ? `Fits in ${card / 1e9} GB` : "Does not fit in 80 GB";
  const fails = found.peak > 24e9,
    title = fails && card ? "Does not fit in 24 GB" : fits;
  const large = PARTS.filter((part) => part === largest || found[worse][part] > 0.2 * found.peak).sort(
    (one, other) => found[worse][other] - found[worse][one],
  );
  const levers = [...new Set(large.map((part) => way(s, found, worse, part)))].slice(0, 2).join("");
  return {
    tone: fails ? "fail" : "calm",
    title,
    text: `The largest part: ${LOOKS[largest].name}, ${amount(found[worse][largest])} of ${amount(found.peak)}.${levers}`,
  };
}

/* The lever that moves a large part, and where it leads; nothing where it would lead nowhere. */
function way(s, found, worse, part) {
  const rows = Math.min(s.at_once, s.prompts * s.group),
    fewer = [{ at_once: Math.ceil(rows / 2) }, "With half as many completions at once"];
  const smaller = [{ prompts: Math.ceil(s.prompts / 2) }, "With half as many prompts in a batch"],
    alone = [{ method: "logp" }, "With log-probs alone"],
    lora = [{ learns: "lora" }, "With LoRA"];
  const pieces = worse === "updating" && s.scoring === "full" && s.method !== "full" && s.method !== "trpo";
  const [change, words] = {
    logits: worse === "sampling" ? smaller : pieces ? [{ scoring: "chunked" }, "Scored in chunks"] : fewer,
    activations: fewer,
    cache: smaller,
    anchors:
      s.method === "full"
        ? [{ method: "topk" }, "With the 64 most likely tokens instead of distributions"]
        : s.method === "trpo" || s.method === "topk"
          ? alone
          : smaller,
    optimizer: lora,
    gradients: lora,
    weights: [{ precision: "bfloat16" }, "In bfloat16"],
    extra: s.method === "critic" ? [{ method: "logp" }, "With a group's mean instead"] : alone,
  }[part];
  const { peak } = everything({ ...s, ...change });
  if (peak < found.peak) return ` ${words} the whole takes ${amount(peak)}.`;
  return part === "weights" && found.peak > 24e9
    ? " No setting here makes them fewer: shard them over several cards."
    : "";
}

function board() {
  const picture = drawing(),
    { svg } = picture;
  const lines = svg.append("g"),
    bars = svg.append("g"),
    words = svg.append("g"),
    beyond = svg.append("text").attr("class", "title").attr("text-anchor", "end");
  return {
    node: picture.node,
    height: (width) => (width < 480 ? 250 : 300),
    draw(s, { found, sums }, { width, height }) {
      picture.size(width, height);
      const next = CARDS.find((one) => found.peak <= one),
        far = next && next > 1.6 * found.peak,
        end = width - 2;
      const x = linearScale([0, 1.12 * (far || !next ? found.peak : next)], [0, end], 4),
        seen = CARDS.filter((one) => x(one) <= end);
      const room = (height - 44) / 2,
        tall = room - 42;
      join(lines, "path.card", seen, { d: (one) => `M${x(one).toFixed(1)},20V${height - 20}` });
      const apart = seen.filter((one, i) => i === seen.length - 1 || x(seen[i + 1]) - x(one) > 48);
      join(lines, "text.title", apart, {
        "text-anchor": (one) => (x(one) < 44 ? "start" : "end"),
        x: (one) => Math.min(end, x(one) + 3),
        y: 12,
        text: (one) => `${one / 1e9} GB`,
      });
      beyond
        .attr("x", end)
        .attr("y", height - 3)
        .text(far ? `${next / 1e9} GB: ${times(next / found.peak)} as much` : "");
      const rows = MOMENTS.map(([moment, name], i) => ({ moment, name, top: 44 + i * room, sum: sums[moment] }));
      const pieces = rows.flatMap(({ moment, top }) => {
        let from = 0;
        return PARTS.map((part) => {
          const piece = {
            part,
            key: `${moment} ${part}`,
            top,
            at: x(from),
            wide: x(from + found[moment][part]) - x(from),
            value: found[moment][part],
          };
          from += piece.value;
          return piece;
        });
      });
      join(bars, "rect.piece", pieces, {
        key: (one) => one.key,
        height: tall,
        y: (one) => one.top,
        x: (one) => one.at,
        width: (one) => Math.max(0, one.wide),
        style: { fill: (one) => LOOKS[one.part].hue },
      });
      const named = pieces.filter((one) => one.wide > Math.max(7.4 * LOOKS[one.part].name.length + 8, 70));
      const written = named.flatMap((one) => [
        { ...one, say: LOOKS[one.part].name, line: -3 },
        { ...one, say: amount(one.value), line: 14 },
      ]);
      join(bars, "text.inner", written, {
        key: (one) => `${one.key} ${one.line}`,
        x: (one) => one.at + one.wide / 2,
        y: (one) => one.top + tall / 2 + one.line,
        "text-anchor": "middle",
        text: (one) => one.say,
      });
      join(words, "text.name", rows, {
        key: (one) => one.moment,
        x: 2,
        y: (one) => one.top - 7,
        text: (one) => `${one.name}: ${amount(one.sum)}`,
      });
    },
  };
}

const times = (ratio) => `${ratio >= 9.95 ? whole(ratio) : ratio.toFixed(1)} times`;

/* Every part in a row, at both moments. */
function table() {
  const rows = PARTS.map((part) => {
    const cells = [h("td"), h("td")],
      swatch = h("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.setProperty("--hue", LOOKS[part].hue);
    return { part, cells, row: h("tr", {}, h("th", { scope: "row" }, swatch, LOOKS[part].name), ...cells) };
  });
  return {
    el: h(
      "table",
      { class: "parts" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col", text: "part" }),
          h("th", { scope: "col", text: "updating" }),
          h("th", { scope: "col", text: "sampling" }),
        ),
      ),
      h("tbody", {}, ...rows.map(({ row }) => row)),
    ),
    update: (s, { found }) =>
      rows.forEach(({ part, cells, row }) => {
        MOMENTS.forEach(([moment], i) => say(cells[i], amount(found[moment][part])));
        row.classList.toggle(
          "none",
          MOMENTS.every(([moment]) => found[moment][part] === 0),
        );
      }),
  };
}

const HALF_B = {
  model: "Qwen2.5-0.5B",
  learns: "lora",
  precision: "bfloat16",
  prompts: 16,
  group: 16,
  prompt: 64,
  completion: 256,
  vocabulary: 0,
};
export default bench({
  name: "memory",
  title: "What fills the card?",
  style,
  settings,
  limit,
  read,
  board,
  extra: table,
  extraFold: "Every part in a table",
  broad: true,
  presets: [
    {
      name: "make it fail: whole logits",
      state: { ...HALF_B, method: "logp", scoring: "full", at_once: 32 },
      text: "What to notice: three arrays of 8192 positions × 151 936 tokens in float32 come on top of the activations, and the model itself is the small grey piece at the left.",
    },
    {
      name: "the same, in chunks",
      state: { ...HALF_B, method: "logp", scoring: "chunked", at_once: 32 },
      text: "What to notice: the logits are gone from the picture, and everything fits in 24 GB. Not a number of the loss has changed.",
    },
    {
      name: "a whole distribution per token",
      state: { ...HALF_B, method: "full", scoring: "full", at_once: 16 },
      text: "What to notice: an exact divergence to the anchor needs the anchor's distribution, 151 936 numbers for each of 65 536 tokens, at both moments. The 64 most likely tokens take about one part in 800 of it.",
    },
    {
      name: "all weights of 7B",
      state: {
        ...HALF_B,
        model: "Qwen2.5-7B",
        learns: "full",
        method: "logp",
        scoring: "chunked",
        at_once: 1,
        prompt: 64,
        completion: 256,
      },
      text: "What to notice: even one completion at a time does not help. AdamW's moments and float32 copies are fixed; only several cards that share them help.",
    },
    {
      name: "the embedded policy",
      state: {
        ...HALF_B,
        model: "embedded",
        precision: "float32",
        learns: "full",
        method: "full",
        scoring: "full",
        prompt: 16,
        completion: 16,
        at_once: 256,
      },
      text: "What to notice: the same bar in megabytes. With 272 tokens in the vocabulary nothing has to be saved, and that is why this book can compute every divergence exactly.",
    },
  ],
  question: {
    text: "A model of half a billion weights learns by LoRA in bfloat16, 16 completions of 256 tokens at once. What fills the card most?",
    options: [
      ["weights", "the weights"],
      ["optimizer", "AdamW's state"],
      ["passing", "what passes through: activations and logits"],
    ],
    right: "passing",
    state: { ...HALF_B, method: "logp", scoring: "full", at_once: 16 },
    why: "The weights take 1 GB, and AdamW's state of the adapters a few megabytes. Activations and logits grow with every token that passes through the model at once.",
  },
});
