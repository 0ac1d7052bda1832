/* ratio_map: which tokens does a trust region clip? The plane of old and new probability of a sampled token, with
   the regions in which PPO's clip, DPPO-TV and DPPO-KL keep its gradient. */

import { P_MAX, P_MIN, bench, clamp, number, setting, spoken, ticksOf } from "./parts/common.js";
import { MARGIN, plane } from "./ratio_map/plane.js";
import { LANDMARKS, METHODS, read, stops, verdict } from "./ratio_map/reading.js";
import { clipped, nearestToken, reader, unpack } from "./ratio_map/tokens.js";
import style from "./ratio_map/style.css";

const HUNDREDTHS = Array.from({ length: 101 }, (_, i) => i / 100);
const ABOVE = [
  0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.28, 0.3, 0.4, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 99,
  150, 300, 1000,
];
const DELTAS = [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.12, 0.15, 0.17, 0.2, 0.25, 0.3, 0.4, 0.5];
const onMap = (p) => clamp(p, P_MIN, P_MAX);
const threshold = (method, label, aloud, rungs, why, more = {}) => ({
  label,
  spoken: aloud,
  rungs,
  write: setting,
  why,
  shown: (s) => s.show.includes(method) && (more.acts ?? s.sign) === s.sign,
  ...more,
});
const probabilityOf = (label) => ({
  label,
  low: P_MIN,
  high: P_MAX,
  why: "the map goes from 10⁻⁷ to 0.9999; a token of probability 0 is never sampled.",
});
const NO_RATIO = "the window contains r = 1, and no ratio is negative or, on this map, above 10⁷.";

/* With a batch its updates come first, without one the clip. */
const settings = (batch) => ({
  show: { legend: "Trust regions", ticks: ticksOf(METHODS) },
  update: batch
    ? {
        label: "updates",
        spoken: "Updates made on this batch",
        rungs: batch.updates.map((_, i) => i),
        write: (i) => String(batch.updates[i]),
        whole: "updates",
        why: `this batch has ${batch.updates.length - 1}.`,
      }
    : { low: 0, high: 1e6 },
  token: batch
    ? {
        label: "token",
        spoken: "Token of the batch, one after the other",
        rungs: batch.tokens.map((_, i) => i - 1).concat(batch.tokens.length - 1),
        write: (i) => (i < 0 ? "–" : String(i + 1)),
        whole: "tokens",
        why: `this batch has ${batch.tokens.length}.`,
      }
    : { low: -1, high: 1e6 },
  eps_high: threshold("ppo", "ε high", "PPO's clip, epsilon high", ABOVE, NO_RATIO, { high: 1e7, acts: 1 }),
  eps_low: threshold("ppo", "ε low", "PPO's clip, epsilon low", HUNDREDTHS, NO_RATIO, { acts: -1 }),
  delta_tv: threshold(
    "dppo_tv",
    "δ TV",
    "DPPO-TV, delta",
    [...DELTAS, 0.6, 0.7, 0.8, 0.9, 1],
    "no two distributions are further apart than 1, and none nearer than 0.",
  ),
  delta_kl: threshold(
    "dppo_kl",
    "δ KL",
    "DPPO-KL, delta in nats",
    [0, 0.0005, ...DELTAS.slice(1), 0.7, 1, 1.5, 2, 3],
    "a divergence is not negative, and no move on this map costs more than 17 nats.",
    { high: 17 },
  ),
  sign: {
    fold: true,
    legend: "Sign of the advantage",
    choices: [
      [1, "A > 0 ↑", "increase p"],
      [-1, "A < 0 ↓", "decrease p"],
    ],
  },
  axes: {
    fold: true,
    legend: "Axes",
    choices: [
      ["logit", "logit"],
      ["linear", "linear"],
    ],
  },
  old_p: probabilityOf("old probability"),
  new_p: probabilityOf("new probability"),
});

/* The cursor stays on the token that is read, also when another is chosen or the batch is used further. */
const follow = ({ token, update }, before, batch) =>
  batch && token >= 0 && (token !== before.token || update !== before.update)
    ? { sign: batch.sign[token], old_p: onMap(batch.old[token]), new_p: onMap(batch.after[update][token]) }
    : {};

function reading(s, batch) {
  const r = read(s, s.old_p, s.new_p),
    count = batch && clipped(batch, s);
  const facts = [
    ["ratio r = p/q", number(r.ratio)],
    ["KL, nats", number(r.kl)],
    ...(batch ? s.show : []).map((key) => [
      `${METHODS[key].name} clips`,
      `${count[key]} of ${batch.tokens.length}`,
      METHODS[key].hue,
      METHODS[key].dash,
    ]),
  ];
  return { r, facts, verdict: verdict(s, r) };
}

export default bench({
  name: "ratio_map",
  title: "Which tokens keep their gradient?",
  style,
  data: (model) => unpack(model.get("batch")),
  settings,
  follow,
  read: reading,
  board: plane,
  extra: reader,
  openers: {
    map: {
      board: (given) => plane(given, 350),
      follow: ({ old_p, new_p }) => ({ sign: new_p < old_p ? -1 : 1 }), // it is drawn where the token is going
      verdict: stops,
    },
  },
  hint: "Drag the dot: where a token was, and is.",
  inPlace: true,
  inSight: 2,
  presets: LANDMARKS.map(({ name, old_p, new_p, sign, text }) => ({
    name,
    text,
    state: { old_p, new_p, sign, token: -1 },
  })),
  handles: (s, found, size, batch, map) => [
    {
      label: "Cursor on the map, across the old probability, up the new one",
      words: `${spoken(s.old_p)} to ${spoken(s.new_p)}`,
      x: MARGIN.left + clamp(map.x(s.old_p), 0, map.size),
      y: MARGIN.top + clamp(map.y(s.new_p), 0, map.size),
      /* A key moves it step by step, a hand to a token or a landmark that is near. */
      move: (x, y, keyed) => {
        const [left, top] = [clamp(x - MARGIN.left, 0, map.size), clamp(y - MARGIN.top, 0, map.size)],
          free = { old_p: onMap(map.x.invert(left)), new_p: onMap(map.y.invert(top)), token: -1 };
        if (keyed) return free;
        const token = batch ? nearestToken(batch, s, map, left, top) : -1;
        if (token >= 0) return { token };
        const near = LANDMARKS.find((mark) => Math.hypot(map.x(mark.old_p) - left, map.y(mark.new_p) - top) < 9);
        return near ? { old_p: near.old_p, new_p: near.new_p, sign: near.sign, token: -1 } : free;
      },
      next: ({ x, y }, [dx, dy], far) => {
        const step = ((far ? 8 : 1) * map.size) / (s.axes === "linear" ? 100 : 92);
        return { x: x + dx * step, y: y + dy * step };
      },
    },
  ],
});
