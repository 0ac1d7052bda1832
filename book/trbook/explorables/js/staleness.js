/* staleness: the ratios of a recorded batch's tokens, update by update, and what a window on them would clip. */

import {
  IDEAS,
  bench,
  clamp,
  drawable,
  drawing,
  linearScale,
  logScale,
  number,
  percent,
  put,
  setting,
  stroke,
  upright,
  join,
  calm,
  fail,
} from "./parts/common.js";
import { count, fateOf, histogram, unpack } from "./staleness/maths.js";
import style from "./staleness/style.css";

const FAR = 16,
  BINS = 45; // the middle one holds the ratios near 1
const SILENT = "var(--bad)"; // as its bars are drawn
const opened = new WeakMap();
const of = (data) => opened.get(data) ?? opened.set(data, unpack(data)).get(data);

const EDGES = [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const settings = {
  run: {
    legend: "How the policy was trained on this batch",
    choices: [
      ["none", IDEAS.none.name],
      ["ppo", IDEAS.clip.name],
    ],
  },
  update: {
    label: "update",
    spoken: "updates on this batch",
    rungs: Array.from({ length: 33 }, (_, i) => i),
    whole: "updates",
    why: "32 updates were recorded.",
    write: (value) => String(value),
  },
  eps_low: {
    fold: true,
    label: "ε low",
    spoken: "window below 1, epsilon low",
    rungs: [...EDGES, 1],
    why: "1 − ε low bounds a ratio, and no ratio is negative.",
  },
  eps_high: {
    fold: true,
    label: "ε high",
    spoken: "window above 1, epsilon high",
    rungs: [...EDGES, 1, 1.5, 2, 3, 5, 9, 15],
    high: 1000,
    why: "a window has no negative width.",
  },
};

const ASKED = 16; // the update whose clipped tokens are asked about

function read(s, data) {
  const batch = of(data),
    found = count(batch, s.run, s.update, s.eps_low, s.eps_high);
  const best = Math.max(...batch.runs[s.run].earned.slice(0, s.update + 1));
  const fate = fateOf(batch, s, ASKED),
    first = Array.from({ length: s.update + 1 }, (_, k) => k).find((k) => promise(data, s.run, k) > 1);
  const word = batch.words[found.farthest],
    moved = batch.runs[s.run].moved[s.update][found.farthest];
  const facts = [
    ["clipped, A > 0", `${found.silencedUp} of ${found.up}`, SILENT],
    ["clipped, A < 0", `${found.silencedDown} of ${found.down}`, SILENT],
    ["outside, but kept", String(found.outsideKept)],
    ["mean of |r − 1| / 2", number(found.tv)],
    [
      "farthest token",
      s.update
        ? `“${word}”, r ${Math.abs(moved) < data.largest ? "=" : moved < 0 ? "≤" : "≥"} ${number(Math.exp(moved))}`
        : "none has moved",
    ],
  ];
  return { found, fate, first, best, facts, verdict: verdict(s, found, best) };
}

/* Since which update a batch promises what no completion can get. */
function kept({ update }, { found, first, best }) {
  const reach = `new completions reach ${number(found.earned)}`;
  if (first === undefined)
    return calm(
      `It promises ${number(found.promised)}, ${reach}`,
      `After ${update} ${update === 1 ? "update" : "updates"} the promise is still possible.`,
    );
  return fail(
    `Since update ${first} it promises more than 1`,
    `Now it promises ${number(found.promised)}, and ${reach}.${best - found.earned > 0.05 ? ` They have reached ${number(best)} before: the policy is getting worse.` : ""}`,
  );
}

/* What became of the tokens that were clipped when the reader was asked. */
function gone({ update }, { found, fate }) {
  const { all, back, further } = fate;
  if (update < ASKED)
    return calm(
      found.silenced ? `${found.silenced} tokens are clipped` : "Every token is still inside the window",
      "Green tokens keep their gradient. Red ones have left the window on the side to which the update moves them.",
    );
  if (update === ASKED)
    return calm(
      `${all} tokens are clipped`,
      "A clip sets a token's own gradient to 0. What will the next updates do to it?",
    );
  return fail(
    `Of the ${all}, ${back} ${back === 1 ? "is" : "are"} back inside. ${further} moved further out.`,
    `A clip sets a token's own gradient to 0. It is moved by the gradients of other tokens, and these do not care where it goes.`,
  );
}

function verdict(s, found, best) {
  const share = percent(found.silenced / (found.up + found.down));
  if (s.update === 0)
    return calm(
      "Every ratio is 1, and the clip ratio is 0",
      "The policy that learns is still the policy that sampled. No window clips anything, however narrow you drag it.",
    );
  const drifted =
    s.run === "ppo" && found.beyond
      ? ` The clip had clipped ${found.clipped} tokens in this update, and ${found.beyond} of them moved even further: a clipped token can still move.`
      : "";
  if (found.promised - found.earned > 0.2) {
    const beyond = found.promised > 1 ? "The promise is more than the highest possible reward. " : "";
    return fail(
      `The batch promises ${number(found.promised)}, new completions reach ${number(found.earned)}`,
      `${beyond}The surrogate sees only the old completions' own tokens improve. ${best - found.earned > 0.1 ? `New completions have reached ${number(best)} before: the policy is getting worse.` : "New completions reach less than that, but the policy has not become worse yet."}${drifted}`,
    );
  }
  if (best - found.earned > 0.1)
    return fail(
      `New completions had reached ${number(best)} and now reach ${number(found.earned)}`,
      `The total variation is only ${number(found.tv)}, and yet the policy is getting worse. A small distance does not guarantee an improvement.${drifted}`,
    );
  return calm(
    found.promised - found.earned > 0.1 ? "The promise is nearly kept" : "The promise is kept",
    `The batch promises ${number(found.promised)} and new completions reach ${number(found.earned)}. This window would clip ${share} of the tokens that have an advantage.${drifted}`,
  );
}

/* Square roots of counts, so that single tokens are seen beside a hundred. */
function rootScale(most, range) {
  const along = linearScale([0, Math.sqrt(most)], range);
  return drawable((value) => along(Math.sqrt(value)), range, [0, 10, 50, 200], String);
}

/* The tokens by their ratio, one panel for each sign of A, in the window. */
function bars(picture) {
  const signs = [1, -1],
    panels = signs.map(() => picture.panel());
  const shades = panels.map((panel) => panel.clipped.append("rect").attr("class", "window"));
  const columns = panels.map((panel) => panel.clipped.append("g")),
    rules = panels.map((panel) => panel.inside.append("g"));
  const named = panels.map((panel) => panel.inside.append("text").attr("class", "name"));
  return (s, { width, height }, data) => {
    const batch = of(data),
      x = (box) => logScale([1 / FAR, FAR], [0, box.width]),
      edges = [1 - s.eps_low, 1 + s.eps_high];
    return panels.map((panel, i) => {
      const box = panel.place({ top: i * height, width, height, margin: { bottom: i ? 34 : 22 } }),
        along = x(box),
        up = rootScale(200, [box.height, 0]);
      panel.scales(along, up);
      panel.titles(i ? "ratio r = π/μ" : "", "tokens, root scale");
      const bins = histogram(batch, s.run, s.update, signs[i], s.eps_low, s.eps_high, Math.log(FAR), BINS);
      const wide = box.width / BINS,
        drawn = bins
          .flatMap((bin, at) => [
            { key: `k${at}`, at, from: 0, to: bin.kept, kind: "kept" },
            { key: `s${at}`, at, from: bin.kept, to: bin.kept + bin.silenced, kind: "silenced" },
          ])
          .filter((bar) => bar.to > bar.from);
      join(columns[i], "rect", drawn, {
        key: (bar) => bar.key,
        class: (bar) => `bar ${bar.kind}`,
        x: (bar) => (bar.at * wide + 0.5).toFixed(1),
        width: (wide - 1).toFixed(1),
        y: (bar) => up(bar.to).toFixed(1),
        height: (bar) => (up(bar.from) - up(bar.to)).toFixed(1),
      });
      const [from, to] = edges.map((edge) => along(edge));
      put(shades[i], { x: from, width: Math.max(0, to - from), height: box.height });
      const sides = [
        [from, !i],
        [to, i],
      ];
      join(rules[i], "path", sides, {
        class: ([, idle]) => `rule${idle ? " dotted" : ""}`,
        d: ([at]) => upright(at, box.height),
      });
      put(named[i], {
        x: box.width,
        y: -9,
        "text-anchor": "end",
        text: i ? "A < 0, decreased" : "A > 0, increased",
      });
      return { ...box, along, edges };
    });
  };
}

/* What the batch promises and what new completions reach, update by update. */
function course(picture) {
  const below = picture.panel(),
    lines = below.clipped.append("g"),
    cursor = below.inside.append("path").attr("class", "rule"),
    most = below.inside.append("path").attr("class", "rule dotted"),
    spots = below.inside.append("g"),
    words = below.inside.append("g");
  return (s, { found }, { top, width, height }, data) => {
    const box = below.place({ top, width, height, margin: { top: 26 } });
    const over = linearScale([0, 32], [0, box.width], width < 420 ? 4 : 8),
      tall = linearScale([0, 2], [box.height, 0], 4);
    below.scales(over, tall);
    below.titles("updates on this batch", "mean reward");
    most.attr("d", `M0,${tall(1)}H${box.width}`);
    /* Up to this update: what comes is for the reader to predict. */
    const told = [
      [Array.from({ length: s.update + 1 }, (_, k) => promise(data, s.run, k)), "promised"],
      [of(data).runs[s.run].earned.slice(0, s.update + 1), "earned"],
    ];
    join(lines, "path", told, {
      class: ([, kind]) => `line ${kind}`,
      d: ([values]) => stroke(values.map((value, k) => [over(k), tall(Math.min(value, 2.2))])),
    });
    cursor.attr("d", upright(over(s.update), box.height));
    const now = [
      [found.promised, "promised"],
      [found.earned, "earned"],
    ];
    join(spots, "circle", now, {
      class: ([, kind]) => `dot ${kind}`,
      r: 4.5,
      cx: over(s.update),
      cy: ([value]) => tall(clamp(value, 0, 2)),
    });
    const beside = over(s.update) + 190 < box.width, // of the dot, on the side that is empty
      under = promise(data, s.run, Math.max(0, s.update - 12)); // what the line was where the words begin
    const said = [
      [
        "promised by the batch",
        "promised",
        beside
          ? tall(clamp(found.promised, 0, 1.8)) - 10
          : Math.min(tall(Math.min(under, found.promised)) + 18, tall(1) - 22),
      ],
      ["reached by new completions", "earned", Math.min(tall(found.earned) + 18, box.height - 6)],
      ["the highest possible reward", "most", tall(1) - 5],
    ];
    join(words, "text", said, {
      class: ([, kind]) => `name word ${kind}`,
      "text-anchor": ([, kind]) => (kind === "most" || !beside ? "end" : "start"),
      x: ([, kind]) => (kind === "most" || !beside ? box.width - 4 : over(s.update) + 9),
      y: ([, , y]) => y,
      text: ([text]) => text,
    });
    return { ...box, over };
  };
}

function board() {
  const picture = drawing(),
    above = bars(picture),
    below = course(picture),
    rings = picture.svg.append("g");
  let place = null;
  return {
    node: picture.node,
    height: (width) => (width < 480 ? 410 : 390),
    places: () => place,
    draw(s, reading, { width, height }, data) {
      picture.size(width, height);
      const third = height * 0.31,
        boxes = above(s, { width, height: third }, data),
        box = below(s, reading, { top: 2 * third, width, height: height - 2 * third }, data),
        [from, to] = boxes[0].edges;
      place = {
        low: { x: boxes[1].left + boxes[1].along(from), y: boxes[1].top + boxes[1].height * 0.55 },
        high: { x: boxes[0].left + boxes[0].along(to), y: boxes[0].top + boxes[0].height * 0.55 },
        update: { x: box.left + box.over(s.update), y: box.top + box.height - 14 },
        ratioAt: (at) => boxes[0].along.invert(clamp(at - boxes[0].left, 0, boxes[0].width)),
        updateAt: (at) => clamp(Math.round(box.over.invert(at - box.left)), 0, 32),
      };
      join(rings, "circle.ring", [place.low, place.high, place.update], { r: 7, cx: (at) => at.x, cy: (at) => at.y });
    },
  };
}

/* One of the two pictures alone, for an opener. */
const alone = (part) => () => {
  const picture = drawing(),
    draw = part(picture);
  return {
    node: picture.node,
    height: (width) => (width < 480 ? 250 : 330),
    draw(s, reading, { width, height }, data) {
      picture.size(width, height);
      if (part === bars)
        draw(s, { width, height: height / 2 - 5 }, data); // and room for the axis’ name
      else draw(s, reading, { top: 0, width, height }, data);
    },
  };
};

/* The promise at an update: no window changes it. */
const promises = new WeakMap();
function promise(data, run, update) {
  const known = promises.get(data) ?? promises.set(data, {}).get(data);
  return (known[run] ??= Array.from({ length: 33 }, (_, k) => count(of(data), run, k, 1, Infinity).promised))[update];
}

const shorter = (value) => Number(value.toFixed(value < 0.1 ? 3 : 2));

export default bench({
  name: "staleness",
  title: "How far do a batch's tokens move?",
  style,
  settings,
  read,
  board,
  hint: "Drag the update, or the two edges of the window.",
  presets: [
    {
      name: "before the first update",
      state: { run: "none", update: 0, eps_low: 0.01, eps_high: 0.01 },
      text: "What to notice: all tokens stand at r = 1, and even a window of one percent clips none. A trainer that takes one update per batch never leaves this state.",
    },
    {
      name: "four updates",
      state: { run: "none", update: 4, eps_low: 0.2, eps_high: 0.2 },
      text: "What to notice: nearly all that this batch can teach has been learned. A window of 0.2 would have clipped a quarter of its tokens by now.",
    },
    {
      name: "make it fail",
      state: { run: "none", update: 32, eps_low: 0.2, eps_high: 0.2 },
      text: "What to notice: the batch promises more and more, and new completions reach less and less. Move back to where the two lines part.",
    },
    {
      name: "the last update",
      state: { run: "ppo", update: 32, eps_low: 0.2, eps_high: 0.2 },
      text: "What to notice: the clip was on, and still some tokens are at a four-hundredth of their probability or less. Their own gradient is zero, the gradients of other tokens move them, and nothing moves them back.",
    },
  ],
  question: {
    text: "After 32 updates on this batch without a clip, new completions reach a reward of 0.55. And with PPO's clip at 0.2 from the start?",
    options: [
      ["more", "clearly more"],
      ["same", "about as much"],
      ["less", "clearly less"],
    ],
    right: (data) => {
      const gap = data.runs.ppo.earned[32] - data.runs.none.earned[32];
      return gap > 0.1 ? "more" : gap < -0.1 ? "less" : "same";
    },
    why: "Clipped tokens with A > 0 move back, because a clip does not keep them where they are. The probability of those with A < 0 goes on falling. That is one batch, in the middle of eight: with three others the clip ends higher, with four lower. Over many batches it is the better of the two, though still far below fresh data.",
    state: { run: "ppo", update: 32, eps_low: 0.2, eps_high: 0.2 },
  },
  openers: {
    promise: { control: "update", board: alone(course), verdict: kept },
    hold: { control: "update", board: alone(bars), verdict: gone },
  },
  handles: (s, reading, size, data, shown) => {
    const at = shown.places();
    return [
      {
        label: "Lower edge of the window",
        words: setting(1 - s.eps_low),
        ...at.low,
        move: (x) => ({ eps_low: shorter(clamp(1 - at.ratioAt(x), 0, 1)) }),
      },
      {
        label: "Upper edge of the window",
        words: setting(1 + s.eps_high),
        ...at.high,
        move: (x) => ({ eps_high: shorter(Math.max(0, at.ratioAt(x) - 1)) }),
      },
      {
        label: "Update",
        words: String(s.update),
        ...at.update,
        move: (x) => ({ update: at.updateAt(x) }),
      },
    ];
  },
});
