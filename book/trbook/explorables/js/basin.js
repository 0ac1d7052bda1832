/* basin: where the recorded runs end against their learning rate, and over which rates each method works. */

import { bench, clamp, inRow } from "./parts/common.js";
import { board } from "./basin/board.js";
import { endsOf, panelOf, panelsAt, readings, RUNGS, rungOf } from "./basin/maths.js";
import { numbers } from "./basin/table.js";
import { called, lost, rate, seedsOf, spokenRate, times, verdict } from "./basin/words.js";
import { looksOf } from "./basin/looks.js";
import style from "./basin/style.css";

const THRESHOLDS = [
  ["default", "default threshold"],
  ["a third", "a third"],
  ["a tenth", "a tenth"],
];
const distinct = (values) => [...new Set(values)];

/* Only what is recorded can be chosen. */
function settings(data) {
  const looks = looksOf(Object.keys(data.names));
  const uses = distinct(data.panels.map((panel) => panel.uses)).sort((a, b) => a - b);
  const counts = data.panels.map((panel) => panel.seeds.length),
    most = Math.max(...counts),
    fewest = Math.min(...counts);
  const several = (state, of) =>
    distinct(data.panels.filter((panel) => panel.uses === state.uses).map((panel) => panel[of])).length > 1;
  return {
    uses: {
      legend: "Epochs per batch",
      choices: uses.map((n) => [n, times(n)]),
    },
    threshold: {
      fold: true,
      legend: "Threshold of every method",
      choices: THRESHOLDS,
      shown: (state) => several(state, "threshold"),
    },
    seeds: {
      fold: true,
      legend: "Seeds",
      choices: [
        ["most", seedsOf(most)],
        ["map", `the map, ${seedsOf(fewest)}`],
      ],
      shown: (state) => panelsAt(data, state.uses, state.threshold).length > 1,
    },
    measure: {
      fold: true,
      legend: "What is drawn",
      choices: [
        ["end", "end"],
        ["take_off", "early reward"],
      ],
    },
    methods: {
      legend: "Methods, at most six",
      most: 6,
      ticks: Object.entries(data.names).map(([method, name]) => [
        method,
        name,
        looks.get(method).hue,
        looks.get(method).dash,
      ]),
      few: [],
      others: "other methods",
    },
    lr: {
      label: "learning rate",
      spoken: "learning rate",
      rungs: RUNGS,
      why: "the sweeps take learning rates from 3e-6 to 1e-3.",
      write: rate,
      ends: (state) => endsOf(panelOf(data, state)),
    },
  };
}

/* Uses and a threshold that were not run together, and a rate beyond those that were. */
function limit(state, data) {
  const apart = together(state, data),
    panel = panelOf(data, apart.length ? { ...state, threshold: "default" } : state),
    [from, to] = endsOf(panel),
    lr = clamp(state.lr, from, to);
  if (lr === state.lr) return apart;
  return [...apart, ["lr", lr, `These runs go from ${rate(from)} to ${rate(to)}.`]];
}

function together(state, data) {
  if (panelsAt(data, state.uses, state.threshold).length) return [];
  const known = distinct(
    data.panels.filter((panel) => panel.threshold === state.threshold).map((panel) => times(panel.uses)),
  );
  return [
    [
      "threshold",
      "default",
      `With ${times(state.uses)} only default thresholds were run (${state.threshold}: ${inRow(known)}).`,
    ],
  ];
}

function read(state, data) {
  const panel = panelOf(data, state);
  const rows = readings(panel, state.methods, state.measure, state.lr, data.tenfold);
  const facts = [["seeds", `${panel.seeds.length}${panel.few ? ", a map" : ""}`]];
  return { panel, rows, names: data.names, facts, verdict: verdict(panel, rows, data.names, state) };
}

const FIVE = ["pg_is", "ppo", "gspo", "dppo-tv", "troll"];
const SHOWN = { threshold: "default", seeds: "most", measure: "end", methods: FIVE };

/* What to look for, true whatever the records say. */
const presets = [
  {
    name: "make it fail",
    state: { ...SHOWN, uses: "16", lr: 3e-4 },
    text: "What to notice: which curves lie under the line at this learning rate, at which lower learning rate each of them crossed it, and how steep it is there.",
  },
  {
    name: "one epoch",
    state: { ...SHOWN, uses: "1", lr: 1e-4 },
    text: "What to notice: with one epoch per batch every ratio is 1, so a clip has no effect. Compare the learning rates that the bars reach here with those at 16 epochs.",
  },
  {
    name: "fast or safe",
    state: { ...SHOWN, uses: "16", measure: "take_off", lr: 3e-5 },
    text: "What to notice: at which learning rate each method has the highest reward in its first batches, and whether its bar still contains that learning rate. Where it does not, the method learns fast at first and ends lower.",
  },
  {
    name: "a third of the threshold",
    state: { ...SHOWN, uses: "16", threshold: "a third", lr: 1e-4 },
    text: "What to notice: switch between the thresholds and watch each bar. Does it grow, or does it only move to higher learning rates?",
  },
];

const ASKED = ["ppo", "dppo-tv", "troll"];
/* The one of a few methods whose basin reaches the highest rate where all have a tenth of their threshold, which the
   first picture does not show. */
function question(data) {
  const state = { ...SHOWN, uses: "16", threshold: "a tenth", methods: ASKED },
    panel = panelOf(data, state);
  const ends = ASKED.map((method) => [method, panel.methods[method].basin]);
  const told = ends
    .map(([method, basin]) => `${called(data.names, method)} ${basin.open_high ? "beyond " : ""}${rate(basin.high)}`)
    .join(", ");
  return {
    text: "Give each of these a tenth of its threshold, again with 16 epochs. Which of them then tolerates the highest learning rate?",
    options: ASKED.map((method) => [method, data.names[method]]),
    state,
    right: ends.reduce((best, one) => (one[1].high > best[1].high ? one : best))[0],
    why: `The basins end at: ${told}. ${panel.seeds.length} seeds. A method that tolerates a higher learning rate need not reach a higher accuracy: compare the best ends as well.`,
  };
}

export default bench({
  name: "basin",
  title: "How wrong may the learning rate be?",
  style,
  settings,
  limit,
  read,
  board,
  presets,
  question,
  openers: {
    rate: { control: "lr", board: () => board(true), verdict: ({ lr }, { rows, names }) => lost(rows, names, lr) },
  },
  hint: "Drag the ring along the learning rates; the dotted line marks ten times that learning rate.",
  extraFold: "All numbers at this learning rate",
  extra: ({ set, data }) =>
    numbers({ set, names: data.names, looks: looksOf(Object.keys(data.names)), tenfold: data.tenfold }),
  handles: (state, reading, size, data, shown) => {
    const at = shown.places();
    return [
      {
        label: "Learning rate",
        words: spokenRate(state.lr),
        x: at.x,
        y: at.y,
        move: (x) => ({ lr: at.rateAt(x) }),
        next: (from, [way], shift) => ({
          x: at.xOf(RUNGS[Math.min(RUNGS.length - 1, Math.max(0, rungOf(at.rateAt(from.x)) + way * (shift ? 6 : 1)))]),
          y: from.y,
        }),
      },
    ];
  },
});
