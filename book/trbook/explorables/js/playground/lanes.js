/* What a lane may be set to: methods with their thresholds, rungs of the sliders, and how a lane is named, written into
   an address and handed to the engine. */

import { ADVANTAGES } from "../../engine/js/advantages.js";
import { FormulaError } from "../../engine/js/formula.js";
import { LINES } from "../../engine/js/lines.js";
import { AGGREGATIONS, METHODS, OWN } from "../../engine/js/methods.js";
import { pictured } from "../../engine/js/own.js";
import { constantsOf } from "../formula/words.js";
import { nearest } from "../maths/plain.js";
import { IDEAS, LOOKS, called } from "../parts/looks.js";
import { LONGEST, nearestName, textOf } from "../parts/address.js";
import { TASKS } from "../../engine/js/tasks.js";

export const NAMES = ["a", "b", "c", "d"];
/* Lanes of one method are arms: the first has its look, later ones these. */
const OTHERS = [
  ["a0", "7 3"],
  ["a2", "2 3"],
  ["a1", "8 3 2 3"],
];
export const PROMPTS = 16;
export const CHECKPOINTS = { dial: "dial", dial_rare: "dial, rare openers", spend: "spend", tales: "tales" };

const WINDOW = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.28, 0.4, 0.6, 1, 1.5, 2, 3, 5];
const NARROW = [1e-5, 3e-5, 1e-4, 2e-4, 3e-4, 4e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1];
const RADIUS = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2];
const both = (eps) => ({ eps_low: Math.min(1, eps), eps_high: eps });

/* What the methods are called; `threshold`: the one number that is dragged, the setting that it stands for (`from`), and
   all that it sets where that is more than this one (`sets`). `more`: settings beside it, by their names in trlib, each
   with rungs or options. */
const clip = {
  label: "clip",
  spoken: "clip, the ratio's distance from 1",
  rungs: WINDOW,
  sets: both,
  from: "eps_high",
};
/* Folded away beside the epochs: every lane begins with the group's mean. */
const REWARDS = {
  advantage: {
    folded: true,
    label: "advantage",
    spoken: "what is made of the rewards",
    options: ["group-mean", "reward", "plus-minus", "right-only", "wrong-only"],
  },
  shift: {
    folded: true,
    label: "shift",
    spoken: "what is added to every advantage",
    rungs: [-0.3, -0.1, 0, 0.1, 0.3, 1, 3],
  },
};
/* The penalty on the KL divergence to the first policy: of the engine's lane, and in trlib a `Reference`. */
const BETA = {
  folded: true,
  label: "β",
  spoken: "beta, the weight of the KL divergence to the first policy",
  rungs: [0, 0.01, 0.03, 0.1, 0.3, 1],
};
const KINDS = {
  reinforce: { more: REWARDS },
  pg_is: { more: { beta: BETA, ...REWARDS } },
  ppo: { threshold: clip, more: REWARDS },
  grpo: { threshold: clip },
  dr_grpo: { threshold: clip },
  dapo: {
    threshold: { ...clip, label: "clip up", spoken: "clip above 1", sets: null },
  },
  gspo: { threshold: { ...clip, spoken: "clip of a completion's mean ratio", rungs: NARROW } },
  cispo: { threshold: clip },
  sapo: {
    threshold: {
      label: "τ",
      spoken: "temperature tau: larger is narrower",
      rungs: [0.1, 0.2, 0.5, 1, 2, 5, 10, 20],
      sets: (tau) => ({ tau_pos: tau, tau_neg: Number((1.05 * tau).toPrecision(6)) }),
      from: "tau_pos",
    },
  },
  gmpo: {
    threshold: {
      label: "log clip",
      spoken: "clip of the log-ratio",
      rungs: WINDOW,
      from: "eps_log",
    },
  },
  pspo: {
    threshold: {
      label: "α",
      spoken: "alpha, how far the ratio is drawn back to 1",
      rungs: [0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9],
      from: "alpha",
    },
  },
  dppo: {
    threshold: {
      label: "δ TV",
      spoken: "delta, a probability",
      rungs: [0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1],
      from: "delta_tv",
    },
  },
  ppo_penalty: {
    threshold: {
      label: "target KL",
      spoken: "target KL, nats per token",
      rungs: RADIUS,
      from: "target_kl",
    },
  },
  quatro: {
    threshold: {
      label: "δ KL",
      spoken: "delta, nats per completion",
      rungs: RADIUS,
      from: "delta_kl",
    },
  },
  troll: {
    threshold: {
      label: "δ KL",
      spoken: "delta, nats per token",
      rungs: RADIUS,
      from: "delta_kl",
    },
  },
  centered: {
    more: {
      weight: {
        label: "weight",
        spoken: "what the ratio makes of a token's weight",
        options: ["none", "ratio", "truncated", "window", "mask"],
      },
      ...REWARDS,
    },
  },
  bapo: {
    threshold: {
      label: "target",
      spoken: "what positive tokens should count, over negative ones",
      rungs: [0.1, 0.2, 0.5, 0.8, 1, 1.5, 2, 4, 8],
      from: "target",
    },
    more: {
      high_most: {
        label: "c high, at most",
        spoken: "how far the upper bound may rise",
        rungs: [1.2, 1.3, 1.5, 2, 3, 5, 10],
      },
      count: { label: "a token counts", options: ["value", "gradient"] },
    },
  },
  minpro: {
    threshold: {
      label: "clip up",
      spoken: "the weight's window above 1",
      rungs: WINDOW,
      from: "eps_high",
    },
    more: {
      eps_low: {
        label: "clip down",
        spoken: "the weight's window below 1; 1 is no lower bound",
        rungs: [0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1],
      },
    },
  },
  cpgd: {
    threshold: { ...clip, rungs: WINDOW.filter((eps) => eps < 1), sets: null, from: "eps" },
    more: {
      alpha: {
        label: "drift α",
        spoken: "alpha, the weight of the drift term",
        rungs: [0, 0.001, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
      },
      cap: {
        label: "cap c",
        spoken: "the largest factor of the drift term",
        rungs: [0, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 20],
      },
    },
  },
  r2vpo: {
    threshold: {
      label: "δ var",
      spoken: "delta, the mean of r minus 1 squared",
      rungs: [0.001, 0.003, 0.01, 0.02, 0.04, 0.1, 0.2, 0.5, 1, 4],
      from: "delta",
    },
    more: {
      lam: {
        label: "first λ",
        spoken: "lambda, the penalty's weight at the beginning",
        rungs: [0, 0.01, 0.04, 0.1, 0.4, 1, 4, 10],
      },
      dual_lr: {
        label: "λ’s step",
        spoken: "step size of lambda; 0 keeps lambda as it is",
        rungs: [0, 0.1, 0.3, 1, 3, 10, 30],
      },
    },
  },
  trefree: {
    threshold: {
      label: "δ |A|",
      spoken: "delta, the bound on the advantage times the ratio's distance from 1",
      rungs: [0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2],
      from: "delta",
    },
  },
  own: {
    more: {
      advantage: { label: "advantage", options: Object.keys(ADVANTAGES) },
      aggregation: { label: "sum", spoken: "how tokens are added up", options: AGGREGATIONS },
    },
  },
};
const DPPO_DELTA = 0.15; // where trlib's default names none

export const kindOf = (lane) => KINDS[lane.method];
export const METHOD_NAMES = [...Object.keys(METHODS), "own"];
/* Those of the book, those of its gallery, and the reader's own: a formula with its constants. */
export const BRANCHES = {
  book: Object.keys(METHODS).filter((name) => !METHODS[name].gallery),
  gallery: Object.keys(METHODS).filter((name) => METHODS[name].gallery),
  yours: ["own"],
};
const defaultsOf = (method) => ({ beta: 0, ...(method === "own" ? OWN : METHODS[method]).defaults });
export const moreOf = (method) => KINDS[method].more ?? {};
export const titleOf = (method) => (method === "ppo" ? IDEAS.clip.name : called(method));

/* Where the threshold stands when nobody has moved it; null: the method has none. */
export function usual(method) {
  const { threshold } = KINDS[method];
  return threshold ? (defaultsOf(method)[threshold.from] ?? DPPO_DELTA) : null;
}

const RATES = [1e-5, 3e-5, 1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.03, 0.1, 1, 1e9];
export const NUMBERS = {
  lr: { label: "learning rate", spoken: "learning rate of AdamW", rungs: RATES, low: 1e-7, high: 1e30, first: 1e-4 },
  epochs: { label: "epochs per batch", options: [1, 2, 4, 8, 16, 32], first: 1 },
  minibatches: { label: "minibatches", options: [1, 2, 4, 8, 16], first: 1 },
  group: { label: "completions per prompt", options: [2, 4, 8, 16, 32], first: 8 },
};

/* How hard the prompts are, by the checkpoint's task; null: a range of its own, trlib's usual one. */
const HARD = {
  moves: {
    label: "moves",
    spoken: "difficulty: moves of every prompt",
    options: [1, 2, 3, 4, 5, 6, 7, 8, 10, 12],
    first: 5,
    write: String,
  },
  amount: {
    label: "amount",
    spoken: "difficulty: the amount to spend",
    options: [null, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 99],
    first: null,
    write: (x) => (x === null ? "12 to 40" : String(x)),
  },
  none: { label: "difficulty", options: [null], first: null, write: () => "as usual" },
};
export const difficultyOf = ({ checkpoint }) => HARD[TASKS[checkpoint].knob];
/* The knobs of the lane's task that do not stand where they usually do. */
export const knobsOf = (lane) =>
  lane.difficulty === difficultyOf(lane).first ? {} : { [TASKS[lane.checkpoint].knob]: lane.difficulty };

/* A lane as it was given -> { lane, notes }: what is impossible becomes the nearest that is possible, and is told. */
export function possibleLane(given, name) {
  const notes = [],
    at = `Lane ${name.toUpperCase()}`,
    note = (text) => notes.push(`${at}: ${text}`);
  const own = (name_) => Object.keys(KINDS[name_]?.more ?? {}),
    known = [
      "method",
      "checkpoint",
      "threshold",
      "difficulty",
      ...Object.keys(NUMBERS),
      ...own(given.method),
      ...(given.method === "own" ? ["formula", "constants"] : []),
    ];
  const [first_, ...others] = Object.keys(given).filter((key) => !known.includes(key));
  if (first_ !== undefined)
    note(
      `"${brief(first_)}"${others.length ? ` and ${others.length} more` : ""} cannot be set; expected ${known.join(", ")}.`,
    );
  const lane = { method: given.method ?? "ppo", checkpoint: given.checkpoint ?? "dial" };
  for (const [key, choices] of [
    ["method", METHOD_NAMES],
    ["checkpoint", Object.keys(CHECKPOINTS)],
  ]) {
    if (choices.includes(lane[key])) continue;
    const near = nearestName(lane[key], choices);
    note(`there is no ${key} "${brief(lane[key])}"; using ${near}.`);
    lane[key] = near;
  }
  if (lane.method === "own") Object.assign(lane, possibleFormula(given, note));
  const { threshold } = KINDS[lane.method];
  lane.threshold = threshold
    ? number(given.threshold ?? usual(lane.method), threshold.rungs[0], threshold.rungs.at(-1), threshold.label, note)
    : null;
  lane.threshold ??= usual(lane.method);
  for (const [key, { label, rungs, options }] of Object.entries(moreOf(lane.method))) {
    const first = defaultsOf(lane.method)[key],
      asked = given[key] ?? first;
    if (rungs) lane[key] = number(asked, rungs[0], rungs.at(-1), label, note) ?? first;
    else if (options.includes(asked)) lane[key] = asked;
    else note(`${label}: there is no "${brief(asked)}"; using ${(lane[key] = nearestName(asked, options))}.`);
  }
  for (const [key, own] of Object.entries(NUMBERS)) {
    lane[key] =
      number(given[key] ?? own.first, own.low ?? own.options[0], own.high ?? own.options.at(-1), own.label, note) ??
      own.first;
    if (own.options && !own.options.includes(lane[key])) {
      const near = closest(own.options, lane[key]);
      note(
        key === "minibatches"
          ? `${own.label} = ${lane[key]} is not possible with ${PROMPTS} prompts; using ${near}.`
          : `${own.label}: expected one of ${own.options.join(", ")}, got ${lane[key]}; using ${near}.`,
      );
      lane[key] = near;
    }
  }
  const { label, options, first } = difficultyOf(lane),
    asked = given.difficulty ?? first;
  lane.difficulty = asked === first ? first : (number(asked, 1, options.at(-1), label, note) ?? first);
  if (options.length < 2) lane.difficulty = first;
  if (!options.includes(lane.difficulty)) {
    const known = options.filter((one) => one !== null),
      near = closest(known, lane.difficulty);
    note(`${label}: expected one of ${known.join(", ")}, got ${lane.difficulty}; using ${near}.`);
    lane.difficulty = near;
  }
  return { lane, notes };
}

/* The formula of a lane and its constants. What cannot be read becomes the formula that a lane of one's own begins with. */
function possibleFormula(given, note) {
  const asked = given.formula ?? OWN.defaults.formula,
    numbers = {};
  for (const [name, value] of Object.entries(given.constants ?? {})) {
    const found = number(value, -1e9, 1e9, `constant ${brief(name)}`, note);
    if (found !== undefined) numbers[name] = found;
  }
  try {
    return { formula: textOf(asked).trim(), constants: constantsOf(textOf(asked), numbers) };
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    note(`the formula "${brief(asked)}" cannot be read. ${error.message} ${OWN.defaults.formula} is used.`);
    return { formula: OWN.defaults.formula, constants: {} };
  }
}

/* The slider of a playground in a chapter: of the lane and the setting that the preset names, else of the first lane. */
export function sliderOf({ slider }, lanes) {
  const [name, key] = slider ?? ["a", kindOf(lanes.a).threshold ? "threshold" : "lr"];
  if (!lanes[name]) return null;
  const { label, spoken = label, rungs, options } = key === "threshold" ? kindOf(lanes[name]).threshold : NUMBERS[key];
  return { name, key, label: `${titleOf(lanes[name].method)}: ${label}`, spoken, rungs: rungs ?? options };
}

const closest = (numbers, value) => numbers[nearest(numbers, value)];

function number(value, low, high, label, note) {
  const found = typeof value === "number" ? value : typeof value === "string" ? Number(value) : NaN;
  if (value === "" || !Number.isFinite(found)) {
    note(
      `${label} = ${brief(typeof value === "string" ? JSON.stringify(value) : value)} is not a number; using the usual one.`,
    );
    return undefined;
  }
  const inside = Math.min(high, Math.max(low, found));
  if (inside !== found) note(`${label} = ${found} is impossible; using ${inside}, the nearest that is possible.`);
  return inside;
}

export const brief = (word, longest = LONGEST) =>
  textOf(word).length > longest ? `${textOf(word).slice(0, longest)}…` : textOf(word);

/* For the engine. Thresholds that stand where they usually do are left to the method. */
export function engineSettings(lane, seed) {
  const { method, lr, epochs, minibatches, group, checkpoint } = lane,
    { beta = checkpoint === "tales" ? 0 : null, ...thresholds } = thresholdsOf(lane);
  return { method, thresholds, beta, lr, epochs, minibatches, group, prompts: PROMPTS, seed };
}

const setBy = ({ from, sets }, value) => sets?.(value) ?? { [from]: value };

export const thresholdsOf = ({ method, threshold, ...rest }) => ({
  ...(threshold === usual(method) || !KINDS[method].threshold ? {} : setBy(KINDS[method].threshold, threshold)),
  ...moved(method, rest),
  ...(method === "own" ? { formula: rest.formula, constants: rest.constants } : {}),
});

/* Of a method's settings beside its threshold those that do not stand where they usually do. */
const moved = (method, lane) =>
  Object.fromEntries(
    Object.keys(moreOf(method))
      .filter((key) => lane[key] !== defaultsOf(method)[key])
      .map((key) => [key, lane[key]]),
  );

/* A lane as another method can take it on. */
export function handedOn(lane) {
  const kept = { ...lane, threshold: undefined };
  for (const key of [...Object.keys(moreOf(lane.method)), "formula", "constants"]) delete kept[key];
  return kept;
}

/* What a lane's line says of a single token, { formula, weight } with the weight of (A, q, p); null: it looks at more. */
export function regionOf(lane) {
  if (lane.method === "own") return { formula: packLane(lane), weight: pictured(lane) };
  const formula = LINES[lane.method];
  if (!formula || /\b(s|smallest)\b/.test(formula)) return null;
  const constants = { ...defaultsOf(lane.method), delta_tv: DPPO_DELTA, ...thresholdsOf(lane) };
  return { formula: packLane(lane), weight: pictured({ formula, constants }) };
}

/* What decides a lane's rows, in one word: two lanes of one identity learn alike. A kind of lane that has more to it than
   a method and its settings (a formula with its constants) must write all of it here, which is what packLane does. */
export function identity(lane) {
  if (!identities.has(lane)) identities.set(lane, packLane(lane));
  return identities.get(lane);
}
const identities = new WeakMap(); // a lane is never changed: another setting is another lane

const short = (x) => (x > 1e4 ? x.toExponential(0).replace("e+", "e") : String(Number(x.toPrecision(3))));

/* How the lanes of a page are named: the method and its threshold, and what else tells them apart. */
export function titlesOf(lanes, write = short) {
  const all = Object.values(lanes),
    vary = (key) => new Set(all.map((lane) => lane[key])).size > 1;
  const more = {
    lr: (x) => `rate ${write(x)}`,
    epochs: (x) => `${x} epoch${x > 1 ? "s" : ""}`,
    minibatches: (x) => `${x} minibatch${x > 1 ? "es" : ""}`,
    group: (x) => `groups of ${x}`,
    checkpoint: (x) => CHECKPOINTS[x],
  };
  const hard =
    new Set(all.map(({ checkpoint, difficulty }) => `${checkpoint} ${difficulty}`)).size >
    new Set(all.map(({ checkpoint }) => checkpoint)).size;
  const told = Object.keys(more).filter(vary);
  return Object.fromEntries(
    Object.entries(lanes).map(([name, lane]) => {
      const { threshold } = KINDS[lane.method],
        title = titleOf(lane.method);
      const first = threshold
        ? `${title} ${title === IDEAS.clip.name ? "" : `${threshold.label} `}${write(lane.threshold)}`
        : lane.method === "own"
          ? ownTitle(lane, write)
          : title;
      const own = Object.entries(moved(lane.method, lane)).map(
        ([key, value]) => `${moreOf(lane.method)[key].label} ${typeof value === "number" ? write(value) : value}`,
      );
      const { label, write: wordsOf } = difficultyOf(lane);
      return [
        name,
        [
          first,
          ...own,
          ...told.map((key) => more[key](lane[key])),
          ...(hard ? [`${label} ${wordsOf(lane.difficulty)}`] : []),
        ].join(", "),
      ];
    }),
  );
}

const ownTitle = ({ formula, constants }, write) =>
  [
    `your own: ${brief(formula, 32)}`,
    ...Object.entries(constants).map(([name, value]) => `${name} ${write(value)}`),
  ].join(", ");

/* In the address: "ppo,threshold:0.2,lr:0.0001", only what is not as usual. */
export function packLane(lane) {
  const parts = [lane.method];
  if (lane.checkpoint !== "dial") parts.push(`checkpoint:${lane.checkpoint}`);
  if (lane.threshold !== usual(lane.method)) parts.push(`threshold:${lane.threshold}`);
  for (const [key, { first }] of Object.entries(NUMBERS)) if (lane[key] !== first) parts.push(`${key}:${lane[key]}`);
  if (lane.difficulty !== difficultyOf(lane).first) parts.push(`difficulty:${lane.difficulty}`);
  for (const [key, value] of Object.entries(moved(lane.method, lane))) parts.push(`${key}:${value}`);
  if (lane.method === "own") {
    parts.push(`formula:${packFormula(lane.formula)}`);
    for (const [name, value] of Object.entries(lane.constants)) parts.push(`_${name}:${value}`);
  }
  return parts.join(",");
}

export function unpackLane(text) {
  const [method, ...rest] = textOf(text).split(","),
    lane = { method },
    constants = {};
  for (const part of rest) {
    const [key, ...value] = part.split(":"),
      [first] = key;
    if (key === "formula") lane.formula = unpackFormula(value.join(":"));
    else if (method === "own" && first === "_") constants[key.slice(1)] = Number(value.join(":"));
    else if (!["__proto__", "constants"].includes(key)) lane[key] = value.join(":");
  }
  return Object.keys(constants).length ? { ...lane, constants } : lane;
}

/* A formula between the commas and colons of a lane. No spaces: where a program on the way has decoded the address, its
   plus signs arrive as spaces, and are known by that. */
const packFormula = (text) => text.replaceAll(/\s+/g, "$").replaceAll(",", ";").replaceAll(":", "~");
const unpackFormula = (text) =>
  text.replaceAll(" ", "+").replaceAll("$", " ").replaceAll(";", ",").replaceAll("~", ":");

/* How what was sampled with these settings is drawn: as the method is everywhere. */
export const lookOf = ({ method, epochs }) => LOOKS[method === "pg_is" && epochs === 1 ? "fresh" : method];
/* The same of lanes side by side: name -> { colour, dash }. */
export function looksOf(lanes) {
  const left = [...OTHERS],
    seen = new Set();
  return Object.fromEntries(
    Object.entries(lanes).map(([name, lane]) => {
      const own = lookOf(lane),
        [hue, dash] = seen.has(own[0]) ? left.shift() : own;
      seen.add(hue);
      return [name, { colour: `var(--${hue})`, dash }];
    }),
  );
}
