/* vocabulary_step: one softmax, one sampled word, many inner steps, one method at a time. */

import { bench, drawer, h, number, probability, say, setting, table } from "./parts/common.js";
import { board } from "./vocabulary_step/board.js";
import { KEYS } from "./vocabulary_step/maths.js";
import { probabilities, wordsOf } from "./vocabulary_step/starts.js";
import { NAMES, amount, read } from "./vocabulary_step/words.js";
import style from "./vocabulary_step/style.css";

const whole = (what, why, low, high) => ({ whole: what, low, high, why, write: String });
const settings = {
  method: {
    label: "method",
    legend: "Method",
    check: (value) => (KEYS.includes(value) ? value : undefined),
    why: `it is none of ${KEYS.join(", ")}.`,
    list: () => KEYS.map((key) => [key, NAMES[key]]),
  },
  steps: {
    label: "steps",
    spoken: "inner steps",
    rungs: [0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64],
    ...whole("steps", "0 to 64 steps are taken here.", 0, 64),
  },
  token: {
    label: "sampled token",
    ...whole("tokens", "there are ten tokens, 0 to 9.", 0, 9),
    fold: true,
    list: ({ start }) => wordsOf(start).map((word, v) => [v, `${word} (${probability(probabilities(start)[v])})`]),
  },
  start: {
    legend: "Distribution",
    fold: true,
    choices: [
      ["rare", "first token, rare", "(dial_rare)"],
      ["first", "first token", "(dial)"],
      ["place", "a place", "(dial)"],
    ],
  },
  sign: {
    legend: "Sign of the advantage",
    fold: true,
    choices: [
      [1, "A > 0 ↑"],
      [-1, "A < 0 ↓"],
    ],
  },
  view: {
    legend: "Scale",
    fold: true,
    choices: [
      ["log", "log"],
      ["linear", "linear"],
    ],
  },
  lr: {
    label: "learning rate",
    fold: true,
    rungs: [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4],
    low: 0.001,
    high: 8,
    why: "a learning rate of 0 moves nothing, and above 8 one step may jump across the whole simplex.",
  },
  size: {
    label: "size of A",
    fold: true,
    spoken: "size of the advantage",
    rungs: [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4],
    low: 0.01,
    high: 8,
    why: "an advantage of 0 teaches nothing, and rewards of 0 and 1 in a group of 16 give at most 3.75.",
  },
  delta_tv: {
    label: "δ TV",
    fold: true,
    spoken: "radius of DPPO in total variation",
    rungs: [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1],
    why: "no two distributions are further apart than 1, and none nearer than 0.",
  },
  delta_kl: {
    label: "δ KL, nats",
    fold: true,
    spoken: "radius of DPPO by KL and of TROLL, in nats",
    rungs: [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
    low: 1e-4,
    high: 100,
    why: "a radius of 0 allows only the old distribution.",
  },
  k: {
    label: "k, top-k",
    fold: true,
    spoken: "tokens that the top-k mask sees",
    rungs: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    ...whole("tokens", "one token at least, and ten are all there are.", 1, 10),
  },
  max_ratio: {
    label: "C, cap",
    fold: true,
    spoken: "cap C on DPPO's weight",
    rungs: [1, 1.5, 2, 3, 5, 10, 20, 10000],
    low: 1,
    high: 10000,
    write: (value) => (value === 10000 ? "off" : number(value)),
    why: "below 1 it would shrink weights before anything has moved, and 10,000 is off.",
  },
};
const HEADS = ["method", "π(y)", "r", "TV", "KL", "then"];

/* Every method after the same steps, for who wants to compare. */
function methods() {
  const rows = KEYS.map((key) => {
    const cells = HEADS.slice(1).map(() => h("td"));
    return { key, cells, el: h("tr", {}, h("th", { scope: "row", text: NAMES[key] }), ...cells) };
  });
  const el = drawer(
    "tabled",
    "All fourteen methods after the same steps",
    table({
      class: "methods",
      caption: "y: the sampled token, r its new over its old probability; TV and KL(old‖new) of the whole distribution",
      heads: HEADS,
      rows: rows.map(({ el: line }) => line),
    }),
  );
  return {
    el,
    update(s, reading) {
      reading.rows.forEach((found, i) => {
        const { cells, el: line } = rows[i];
        line.toggleAttribute("data-chosen", found.key === s.method);
        [probability(found.p), number(found.r), amount(found.tv), amount(found.kl), found.end].forEach((text, j) =>
          say(cells[j], text),
        );
      });
    },
  };
}

const RARE = {
  start: "rare",
  token: 7,
  sign: 1,
  size: 1,
  lr: 0.1,
  steps: 16,
  delta_tv: 0.15,
  k: 3,
  max_ratio: 10000,
  view: "log",
};

export default bench({
  name: "vocabulary_step",
  title: "One sampled token: where does the method stop?",
  style,
  settings,
  read,
  board,
  extra: methods,
  hint: "Drag the steps, and watch the marked token and everything beside it. Then choose another method.",
  presets: [
    {
      name: "make it fail: a rare token is clipped early",
      state: { ...RARE, method: "ppo" },
      text: "What to notice: the token is clipped when it has gained a thousandth and all tokens together have moved by a tenth of DPPO's radius. In the table of all methods windows on a ratio stop first, divergences last.",
    },
    {
      name: "make it fail: a likely token falls",
      state: {
        start: "place",
        token: 0,
        sign: -1,
        size: 1,
        lr: 1.97,
        steps: 45,
        method: "ppo",
        delta_tv: 0.15,
        k: 3,
        max_ratio: 10000,
        view: "linear",
      },
      text: "What to notice: a fifth of the probability has left a token that was all but certain. PPO's ratio is 0.81, inside its window, so its gradient goes on. In the table every DPPO is masked. One step more, and look again.",
    },
    {
      name: "one step too late",
      state: { ...RARE, method: "dppo_tv", steps: 20, lr: 0.2 },
      text: "What to notice: DPPO's weight is r A, and r has no bound here. The mask looks before a step, not after it. Set C to 3, as verl's configuration does, and look at TV.",
    },
    {
      name: "outside the top 3",
      state: { ...RARE, method: "dppo_topk", k: 3, lr: 0.1, max_ratio: 3 },
      text: "What to notice: the sampled token stands in place 9, outside the anchor's top 3. DPPO puts it in the third token's place, so that its own move is never hidden in the rest. With k = 1 top-k is binary.",
    },
    {
      name: "the gradient changes its sign",
      state: { ...RARE, method: "troll", steps: 64, lr: 0.05 },
      text: "What to notice: TROLL's gradient shrinks outside its radius and its regression brings it back, so it comes to rest near the edge (its radius is of KL(new‖old)). A mask can only stop. With a learning rate of 0.3 it oscillates.",
    },
  ],
  question: {
    text: "A token of probability 0.0036 has a positive advantage. How much of the probability has moved, over all tokens, when PPO's clip at 0.2 stops it?",
    options: [
      ["hundredth", "one or two hundredths"],
      ["tenth", "about a tenth"],
      ["fifth", "about a fifth: the clip is at 0.2"],
    ],
    right: "hundredth",
    state: { ...RARE, method: "ppo" },
    why: "The window bounds one token's ratio. The token gained 0.001, and all tokens together moved by 0.015. The same window lets a token of probability 0.99 lose 0.2.",
  },
  handles: (s, reading, size, data, shown) => [
    {
      label: "Sampled token",
      words: `${reading.words[s.token]}, ${setting(reading.p[s.token])}`,
      ...shown.place(s.token),
      move: (x, y) => ({ token: shown.tokenAt(y) }),
    },
  ],
});
