/* survival: what a stale batch of long completions is worth to each correction, over the horizon and over the batch. */

import {
  bench,
  clamp,
  dashOf,
  drawing,
  hueOf,
  linearScale,
  logScale,
  number,
  percent,
  stroke,
  curves,
  dots,
  ticksOf,
  upright,
  whole,
  join,
  calm,
  fail,
} from "./parts/common.js";
import { chain, judge, judging } from "./survival/maths.js";
import style from "./survival/style.css";

const SHORT = 16,
  LONG = 4096,
  FEW = 8,
  MANY = 65536;
const HORIZONS = Array.from({ length: 17 }, (_, i) => 2 * Math.round((SHORT / 2) * 2 ** (i / 2)));
const BATCHES = Array.from({ length: 14 }, (_, i) => FEW * 2 ** i);
/* By name: what it is called, and whose look it has. */
const CALLED = {
  none: ["nothing corrected", "pg_is"],
  clip: ["token: PPO's clip", "ppo"],
  tis: ["token: TIS, at most 2", "tis"],
  icepop: ["token: IcePop, .5 to 5", "icepop"],
  prefix: ["prefix: product so far", "cppo"],
  sequence: ["sequence: product", "product"],
  sequence_tis: ["sequence: TIS, at most 2", "tis_seq"],
  sequence_mask: ["sequence: MIS, drop above 2", "mis_seq"],
  gspo: ["geometric mean: GSPO", "gspo"],
};
const METHODS = Object.fromEntries(
  Object.entries(CALLED).map(([key, [name, look]]) => [key, { name, hue: hueOf(look), dash: dashOf(look) }]),
);
const KEYS = Object.keys(METHODS),
  nameOf = (key) => METHODS[key].name;
/* Spreads of the log-ratio per token as chapter 13 measures them on relay's base model. */
const ROUNDED = [
  [0, "fp32"],
  [0.0014, "fp16"],
  [0.007, "fp32 head"],
  [0.01, "bf16"],
  [0.012, "int8"],
  [0.03, "±0.03"],
  [0.05, "fp8"],
  [0.1, "±0.1"],
];
const settings = {
  safe: {
    legend: "A turn, the sure way, earns",
    choices: [
      [1, "a turn earns 1"],
      [0.5, "a turn earns 0.5", "(jumps may overtake it)"],
    ],
  },
  show: {
    legend: "Corrections, at most five",
    ticks: ticksOf(METHODS),
    fold: true,
    most: 5,
  },
  horizon: {
    label: "horizon",
    spoken: "horizon, tokens of a completion",
    rungs: HORIZONS,
    low: 4,
    write: whole,
    why: "a completion has 4 to 4096 tokens here.",
  },
  versions: {
    label: "staleness",
    spoken: "staleness, versions between sampler and learner",
    rungs: [0, 1, 2, 3, 4, 6, 8, 10, 12, 16],
    write: (value) => `${number(value, { decimals: () => (Number.isInteger(value) ? 0 : 1) })} old`,
    why: "0 to 16 versions are computed.",
  },
  noise: {
    fold: true,
    label: "precision",
    spoken: "precision, spread of the log-ratio that rounding makes per token",
    rungs: ROUNDED.map(([value]) => value),
    write: (value) => ROUNDED.find(([known]) => known === value)?.[1] ?? `±${number(value, { decimals: () => 4 })}`,
    why: "a spread lies between 0 and 0.1 nats here.",
  },
  completions: {
    fold: true,
    label: "batch",
    spoken: "completions of a batch",
    rungs: BATCHES,
    whole: "completions",
    low: 1,
    high: 1e6,
    write: whole,
    why: "a batch has 1 to a million completions.",
  },
};

const limit = (s) =>
  s.horizon % 2 ? [["horizon", 2 * Math.round(s.horizon / 2), "A horizon is even: a leg has a move and a place."]] : [];

/* What is drawn against the horizon depends on everything but the horizon: kept while only that moves. */
const kept = { key: "", over: [] };
function overHorizons(s) {
  const key = JSON.stringify([s.safe, s.show, s.versions, s.noise, s.completions]);
  if (key !== kept.key)
    Object.assign(kept, {
      key,
      over: HORIZONS.map((horizon) => [horizon, judge(chain({ ...s, horizon }), s.show, s.completions)]),
    });
  return kept.over;
}

function read(s) {
  const here = chain(s),
    judged = judging(here, KEYS),
    found = judged(s.completions),
    over = overHorizons(s);
  const batches = BATCHES.map((completions) => [completions, judged(completions)]);
  const share = (key) => found[key].worth / s.completions;
  const best = s.show.reduce((most, key) => (share(key) > share(most) ? key : most), s.show[0]);
  const facts = [
    ["Σχ² of a completion", number(here.spread)],
    ["product, effective share", percent(Math.exp(-here.spread))],
    ...s.show.map((key) => [
      nameOf(key),
      found[key].aim < 0 ? "the wrong way" : `${shown(found[key].worth)} of ${whole(s.completions)}`,
      METHODS[key].hue,
      METHODS[key].dash,
    ]),
  ];
  return { here, found, over, batches, share, facts, verdict: verdict(s, here, found, share, best) };
}

const shown = (value) => number(value, { decimals: (size) => (size >= 10 ? 0 : 1), powers: 0.05 });

function verdict(s, here, found, share, best) {
  const wrong = s.show.filter((key) => found[key].aim < 0),
    fresh = s.versions === 0 && s.noise === 0;
  if (fresh)
    return calm(
      "Nothing is stale: every weight is 1",
      "The policy that learns wrote the batch. All corrections are the same, and each completion is worth one.",
    );
  if (wrong.length) {
    return fail(
      `${list(wrong, s.show)}: points the wrong way`,
      `The first token is judged by how the old policy went on, and the new one goes on better: jumps end right with ${percent(right(here, 1))} now, with ${percent(right(here, 0))} then. ${s.show.length > wrong.length ? "More completions do not help." : "Show the prefix and the sequence beside it."}`,
    );
  }
  const lost = s.show.filter((key) => share(key) < 0.1),
    biased = s.show.filter((key) => found[key].aim < 0.5);
  if (lost.length) {
    return fail(
      `${list(lost, s.show)}: less than a tenth survives`,
      `${lost.includes("sequence") ? `A completion's ratios multiply: at Σχ² = ${number(here.spread)} the product keeps ${percent(Math.exp(-here.spread))} of a batch. ` : "A bias does not shrink with the batch: means that point a little aside are all that is left of it. "}${biased.length ? `${list(biased, s.show)}: the mean points elsewhere, whatever the batch. ` : ""}Best of those shown: ${nameOf(best)}, ${percent(share(best))}.`,
    );
  }
  return calm(
    `${nameOf(best)} keeps most: ${percent(share(best))}`,
    `Σχ² is ${number(here.spread)}. ${here.spread < 0.3 ? "While it is small the corrections hardly differ." : "Give the batch more completions, or fewer, and see who gains."}`,
  );
}

const right = ({ legs, learner }, now) => (now ? learner[1] : 0.99) ** legs;
/* Of three and more only how many: the verdict stands beside its figure. */
const list = (keys, shown) =>
  keys.length < 3 ? keys.map((key) => nameOf(key)).join("; ") : `${keys.length} of the ${shown.length} shown`;

function board() {
  const picture = drawing(),
    panels = [picture.panel(), picture.panel()];
  const rules = panels.map((panel) => panel.inside.append("path").attr("class", "rule dotted")),
    cursors = panels.map((panel) => panel.inside.append("path").attr("class", "rule"));
  const lines = panels.map((panel) => panel.clipped.append("g")),
    spots = panels.map((panel) => panel.inside.append("g")),
    rings = picture.svg.append("g");
  let place = null;
  return {
    node: picture.node,
    height: (width) => (width < 400 ? 430 : 500),
    draw(s, { found, over, batches, share }, { width, height }) {
      picture.size(width, height);
      const boxes = panels.map((panel, i) =>
        panel.place({ top: (i * height) / 2, width, height: height / 2, margin: { top: 26, bottom: 42 } }),
      );
      const along = logScale([SHORT, LONG], [0, boxes[0].width]),
        up = linearScale([0, 1.2], [boxes[0].height, 0], 5);
      const across = logScale([FEW, MANY], [0, boxes[1].width]),
        worth = logScale([0.1, MANY], [boxes[1].height, 0]);
      const scales = [
          [along, up],
          [across, worth],
        ],
        names = [
          ["horizon, tokens", "worth of a completion, in fresh ones"],
          ["completions of the batch", "fresh completions it is worth"],
        ];
      const paths = [
        (key) => over.map(([horizon, of]) => [along(horizon), up(clamp(of[key].worth / s.completions, -0.1, 1.4))]),
        (key) => batches.map(([count, of]) => [across(count), worth(of[key].worth)]),
      ];
      const at = [
        [along(s.horizon), (key) => up(clamp(share(key), 0, 1.2))],
        [across(s.completions), (key) => worth(found[key].worth)],
      ];
      panels.forEach((panel, i) => {
        const [x, y] = scales[i];
        panel.scales(x, y);
        panel.titles(...names[i]);
        curves(lines[i], s.show, METHODS, (key) => stroke(paths[i](key)));
        dots(spots[i], s.show, METHODS, ...at[i]);
        cursors[i].attr("d", upright(at[i][0], boxes[i].height));
      });
      rules[0].attr("d", `M0,${up(1).toFixed(1)}H${boxes[0].width}`);
      rules[1].attr(
        "d",
        stroke([
          [across(FEW), worth(FEW)],
          [across(MANY), worth(MANY)],
        ]),
      );
      place = {
        horizon: { x: boxes[0].left + at[0][0], y: boxes[0].top + boxes[0].height },
        completions: { x: boxes[1].left + at[1][0], y: boxes[1].top + boxes[1].height },
        horizonAt: (x) => clamp(2 * Math.round(along.invert(x - boxes[0].left) / 2), SHORT, LONG),
        completionsAt: (x) => clamp(Math.round(across.invert(x - boxes[1].left)), FEW, MANY),
      };
      join(rings, "circle.ring", [place.horizon, place.completions], { r: 7, cx: (one) => one.x, cy: (one) => one.y });
    },
    places: () => place,
  };
}

const LEVELS = { safe: 1, show: ["tis", "prefix", "sequence", "sequence_tis"], noise: 0 };

export default bench({
  name: "survival",
  title: "How much of a stale batch survives?",
  style,
  settings,
  limit,
  read,
  board,
  hint: "Drag the two rings: the horizon above, the batch below.",
  presets: [
    {
      name: "make it fail: product of 2,048",
      state: { ...LEVELS, horizon: 2048, versions: 8, completions: 64 },
      text: "What to notice: the product is right on average and worthless in a batch. Below, it does not even reach the picture. A cap at 2 rescues little: most completions then weigh next to nothing.",
    },
    {
      name: "the token's ceiling",
      state: { ...LEVELS, horizon: 64, versions: 4, completions: 65536 },
      text: "What to notice: below, the token's line bends and the product's does not. With 64 tokens and a large batch the product is the better weight, and a cap on it is a bias too.",
    },
    {
      name: "the wrong way",
      state: {
        ...LEVELS,
        safe: 0.5,
        show: ["none", "tis", "icepop", "sequence_tis"],
        horizon: 256,
        versions: 16,
        completions: 1024,
      },
      text: "What to notice: under the old policy jumps seldom ended right, under the new one they mostly do. A correction that weighs tokens judges the first move by the old policy's luck.",
    },
    {
      name: "one version, 1,024 tokens",
      state: { ...LEVELS, show: ["clip", "prefix", "sequence", "gspo"], horizon: 1024, versions: 1, completions: 64 },
      text: "What to notice: after one version the levels are worth about as much, even the product of a thousand ratios. GSPO's narrow window is made for steps within a batch, not for data of another version.",
    },
    {
      name: "rounding alone: fp8",
      state: {
        ...LEVELS,
        show: ["tis", "icepop", "sequence", "sequence_tis"],
        horizon: 1024,
        versions: 0,
        noise: 0.05,
        completions: 64,
      },
      text: "What to notice: nobody has learned anything, and the product has lost nearly all of the batch. No token has left its window.",
    },
  ],
  question: {
    text: "1,024 tokens, 4 versions old, a batch of 64. If each completion is weighed by its whole product: how many fresh ones is the batch worth?",
    options: [
      ["most", "more than 50"],
      ["some", "5 to 50"],
      ["few", "fewer than 5"],
    ],
    right: "few",
    state: { ...LEVELS, horizon: 1024, versions: 4, completions: 64 },
    why: "About one. Every token's ratio lies between 0.6 and 1.4, but five hundred of them multiply, and a few completions outweigh all others.",
  },
  handles: (s, reading, size, data, shownBoard) => {
    const at = shownBoard.places();
    return [
      {
        label: "Horizon",
        words: `${s.horizon} tokens`,
        ...at.horizon,
        move: (x) => ({ horizon: at.horizonAt(x) }),
      },
      {
        label: "Batch",
        words: `${s.completions} completions`,
        ...at.completions,
        move: (x) => ({ completions: at.completionsAt(x) }),
      },
    ];
  },
});
