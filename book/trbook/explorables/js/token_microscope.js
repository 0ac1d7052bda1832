/* token_microscope: a recorded batch as text, each token marked by what a method does to it. */

import { IDEAS, bench, h, ladder } from "./parts/common.js";
import { board, reading } from "./token_microscope/board.js";
import { count, judge, unpack } from "./token_microscope/maths.js";
import { careless, facts, verdict } from "./token_microscope/words.js";
import style from "./token_microscope/style.css";

const opened = new WeakMap();
const of = (data) => opened.get(data) ?? opened.set(data, unpack(data)).get(data);
const WINDOW = [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.28, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const RADII = [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1];
const among =
  (...names) =>
  (s) =>
    names.includes(s.method);

const CHOICES = [
  ["ppo", IDEAS.clip.name],
  ["cispo", "CISPO"],
  ["gspo", "GSPO"],
  ["dppo_tv", "DPPO-TV"],
  ["dppo_kl", "DPPO-KL"],
];
const settings = {
  run: {
    fold: true,
    legend: "How the policy was trained on this batch",
    choices: [
      ["ppo", "trained with PPO's clip"],
      ["dppo", "with DPPO's mask"],
      ["fast", "PPO, 3 × the learning rate"],
    ],
  },
  method: { legend: "The method that judges", choices: CHOICES },
  update: {
    label: "update",
    spoken: "updates on this batch",
    rungs: Array.from({ length: 17 }, (_, i) => i),
    whole: "updates",
    why: "16 updates were recorded.",
    write: String,
  },
  token: { label: "token", whole: "tokens", low: 0, high: 1e6, why: "tokens are counted from 0." },
  eps_low: {
    fold: true,
    label: "ε low",
    spoken: "window below 1, epsilon low",
    rungs: WINDOW,
    why: "1 − ε low bounds a ratio, and no ratio is negative.",
    shown: among("ppo", "cispo"),
  },
  eps_high: {
    fold: true,
    label: "ε high",
    spoken: "window above 1, epsilon high",
    rungs: [...WINDOW, 1.5, 2, 3, 5, 9, 20, 50],
    high: 1000,
    why: "a window has no negative width.",
    shown: among("ppo", "cispo"),
  },
  eps_seq: {
    fold: true,
    label: "ε, whole",
    spoken: "epsilon of the whole completion's ratio",
    rungs: [0.0001, 0.0003, 0.0004, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 1],
    low: 0,
    why: "1 − ε bounds a ratio, and no ratio is negative.",
    shown: among("gspo"),
  },
  delta_tv: {
    fold: true,
    label: "δ, TV",
    spoken: "delta, total variation",
    rungs: RADII,
    why: "it is a share of the probability.",
    shown: among("dppo_tv"),
  },
  delta_kl: {
    fold: true,
    label: "δ, KL",
    spoken: "delta, nats",
    rungs: [...RADII, 1.5, 2, 3],
    high: 100,
    why: "no divergence is negative.",
    shown: among("dppo_kl"),
  },
};

function limit(s, data) {
  const last = of(data).words.length - 1;
  if (s.token <= last) return [];
  return [["token", last, `token = ${s.token} is impossible: the batch has ${last + 1} tokens.`]];
}

function read(s, data) {
  const batch = of(data),
    judged = judge(batch, s),
    found = { batch, judged, counts: count(batch, judged) };
  return { ...found, verdict: verdict(s, found), facts: facts(s, found) };
}

/* Which prompt is shown: it goes to the first token of a right completion where there is one. */
function extra({ set, data }) {
  const batch = of(data);
  const firsts = batch.prompts.map((_, prompt) => {
    const own = batch.completions.filter((one) => one.prompt === prompt);
    return (own.find((one) => one.reward) ?? own[0]).from;
  });
  const prompts = ladder({
    label: "prompt",
    spoken: "prompt of the batch",
    rungs: firsts.map((_, i) => i),
    words: (i) => `${i + 1} of ${firsts.length}: ${batch.prompts[i]}`,
    write: (i) => String(i + 1),
    onInput: (i) => set({ token: firsts[i] }),
  });
  return { el: h("div", {}, prompts.el), update: (s) => prompts.set(batch.completions[batch.of[s.token]].prompt) };
}

const THRESHOLDS = { eps_low: 0.2, eps_high: 0.2, delta_tv: 0.15 };

export default bench({
  name: "token_microscope",
  title: "What happens to each token?",
  style,
  settings,
  limit,
  read,
  extra,
  extraFold: "Another prompt",
  board: () => board(of),
  openers: {
    words: {
      control: "update",
      board: () => board(of, true),
      verdict: ({ update }, { counts }) => careless(update, counts.openers),
    },
  },
  hint: "Tap a token. ↑: its probability is increased, ↓: decreased.",
  presets: [
    {
      name: "make it fail: one update",
      state: { run: "ppo", method: "ppo", update: 1, token: 0, ...THRESHOLDS },
      text: "What to notice: after one update PPO clips every careful opener of a right completion and no other opener. These tokens begin the thinking that training should find, and they were rare.",
    },
    {
      name: "a divergence instead",
      state: { run: "ppo", method: "dppo_tv", update: 1, token: 0, ...THRESHOLDS },
      text: "What to notice: DPPO masks nothing yet. A rare token that has grown by half has moved less than a hundredth of the probability. Then take the policy that was trained with DPPO's mask, and move the update to 16.",
    },
    {
      name: "a likely token that falls",
      state: { run: "fast", method: "ppo", update: 6, token: 978, ...THRESHOLDS },
      text: "What to notice: the other failure. Nearly a fifth of the probability has gone, the ratio is still inside the window, and the clip still has a gradient. Switch to DPPO-TV.",
    },
    {
      name: "a weight for every token",
      state: { run: "dppo", method: "cispo", update: 8, token: 0, ...THRESHOLDS },
      text: "What to notice: CISPO clips no gradient. Every token outside the window is scaled to its edge, the careful openers and the rest alike.",
    },
  ],
  question: {
    text: "16 updates with DPPO's mask. How many of the 15 careful openers of right completions does it mask by then?",
    options: [
      ["none", "none: rare tokens move little"],
      ["some", "some, those that grew most"],
      ["all", "all: by now each has grown several times over"],
    ],
    right: "some",
    state: { run: "dppo", method: "dppo_tv", update: 16, token: 0, ...THRESHOLDS },
    why: "5 of 15: those that have gained more than 0.15 of the probability. PPO would clip all 15. A mask lets a rare token grow at first and stops it later: beyond the radius its gradient is zero, as under a clip.",
  },
  handles: (s, found, size, data, shown) => [
    {
      label: "Token",
      words: reading(found.batch.words[s.token], found.judged[s.token]),
      ...shown.placeOf(s.token),
      move: (x, y) => ({ token: shown.tokenAt(x, y) }),
      next: shown.next,
    },
  ],
});
