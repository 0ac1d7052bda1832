/* gae: bias and variance of an advantage estimate against λ, exact, on a chain whose values are known. */

import {
  curves,
  dots,
  ticksOf,
  upright,
  bench,
  button,
  drawing,
  h,
  linearScale,
  number,
  put,
  say,
  setting,
  stroke,
  textsAt,
  whole,
  join,
  fail,
  calm,
} from "./parts/common.js";
import { TOKENS, TRUTH, advantage, chain, critic, difference, errors, texts, weights } from "./gae/maths.js";
import style from "./gae/style.css";

const SIDES = { left: 58, right: 24 };
const NEAR = 1.03; // of the least error, above which another λ is worth naming
const LAMBDAS = Array.from({ length: 51 }, (_, i) => i / 50);
const CURVES = {
  bias: { name: "bias", hue: "var(--a1)", dash: "7 3", of: (found) => Math.abs(found.bias) },
  scatter: { name: "standard deviation", hue: "var(--a0)", dash: "2 3", of: (found) => found.scatter },
  error: { name: "root mean square error", hue: "var(--ink)", dash: "", of: (found) => found.error },
};
const settings = {
  lam: {
    label: "λ",
    spoken: "lambda",
    rungs: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99, 1],
    why: "it is the weight of estimates further ahead, between 0 and 1.",
  },
  gamma: {
    fold: true,
    label: "γ",
    spoken: "gamma, the discount",
    rungs: [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99, 1],
    low: 0,
    why: "a discount above 1 would make later rewards worth more.",
  },
  miss: {
    label: "κ, critic",
    spoken: "kappa, the share of the difference that the critic misses",
    rungs: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2],
    why: "at 0 the critic is exact, at 2 it has right and wrong the other way round.",
  },
  noise: {
    fold: true,
    label: "σ, noise",
    spoken: "sigma, noise of every token's reward",
    rungs: [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1],
    high: 10,
    why: "a standard deviation is not negative, and beyond 10 nothing is left to see.",
  },
  pairs: {
    fold: true,
    label: "n, texts",
    spoken: "texts averaged, of either first token",
    rungs: [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024],
    high: 1e6,
    why: "one text of either kind is the least.",
    write: whole,
  },
  text: {
    label: "text",
    check: (value) => (typeof value === "string" && /^[rw]{6}$/.test(value) ? value : undefined),
    why: "it is six letters, r for a text that is right after the token and w for wrong.",
  },
  show: {
    fold: true,
    legend: "Curves",
    ticks: ticksOf(CURVES),
  },
};

function read(s) {
  const all = texts(s.gamma, s.miss),
    values = critic(s.gamma, s.miss);
  const deltas = errors(s.text, s.gamma, values),
    shares = weights(s.gamma, s.lam);
  const now = difference(all, s),
    curve = LAMBDAS.map((lam) => difference(all, { ...s, lam }));
  const best = curve.reduce((least, found, i) => (found.error < curve[least].error - 1e-12 ? i : least), 0);
  const estimate = advantage(deltas, s.gamma, s.lam);
  const facts = [
    ["true difference", signed(TRUTH)],
    ["estimated, on average", signed(now.mean)],
    ["bias", signed(now.bias), CURVES.bias.hue, CURVES.bias.dash],
    ["standard deviation", number(now.scatter), CURVES.scatter.hue, CURVES.scatter.dash],
    ["root mean square error", number(now.error), CURVES.error.hue, CURVES.error.dash],
    ["least error at", `λ = ${setting(LAMBDAS[best])}`],
    ["A of the drawn text", signed(estimate)],
  ];
  const undiscounted = difference(texts(1, s.miss), { ...s, gamma: 1 });
  return {
    exact: chain(s.gamma).values,
    values,
    deltas,
    shares,
    estimate,
    now,
    curve,
    best,
    facts,
    verdict: verdict(s, now, undiscounted, { lam: LAMBDAS[best], error: curve[best].error }),
  };
}

function verdict(s, now, undiscounted, best) {
  const hidden = Math.abs(undiscounted.bias) < Math.abs(now.bias) / 2; // by the discount, more than by the critic
  const size = `The right first token is better by ${number(TRUTH)} and looks better by ${number(now.mean)}.`;
  if (now.mean < 1e-9) {
    const text =
      now.mean > -1e-9
        ? "The two first tokens have the same advantage, so neither becomes more likely"
        : "The wrong first token has the larger advantage, so it becomes more likely";
    return fail(
      hidden ? "Hidden by the discount" : "Misled by the critic",
      `${text}, however many texts you average: this is bias.`,
    );
  }
  if (now.scatter > TRUTH)
    return fail(
      "The variance is too high",
      `${size} The standard deviation of ${number(now.scatter)} is larger than that, so a batch often increases the wrong one.`,
    );
  if (Math.abs(now.bias) > TRUTH / 2)
    return fail(
      "Most of the difference is lost",
      `${size} So its weight is less than half of what it should be. ${hidden ? "The discount hides the end; γ = 1 would show it." : "This λ relies on the critic, which has the same error."}`,
    );
  if (now.error < 1e-9) return calm("No error at all", `${size} The critic is exact, and this λ uses nothing else.`);
  const less = `At λ = ${setting(best.lam)} the estimate would err by ${number(best.error)} only.`;
  if (now.error < NEAR * best.error)
    return calm("This λ suits this critic", "No other λ errs much less. Make the critic worse.");
  return s.lam > best.lam
    ? calm("λ is too high here", `${less} So accept some bias in exchange for a lower variance.`)
    : calm("λ is too low here", `${less} So rely less on the critic and more on the reward itself.`);
}

const signed = (value) => (Math.abs(value) < 1e-9 ? "0" : value > 0 ? `+${number(value)}` : number(value));
const two = (value) =>
  value
    .toFixed(2)
    .replace("-", "−")
    .replace(/^(−?)0\./, "$1.");

function board() {
  const picture = drawing(),
    ladder = picture.svg.append("g"),
    bars = picture.panel(),
    plot = picture.panel();
  const lines = plot.clipped.append("g"),
    cursor = plot.inside.append("path").attr("class", "rule");
  const least = plot.inside.append("path").attr("class", "rule dotted"),
    spots = plot.inside.append("g"),
    ring = plot.inside.append("circle").attr("class", "ring").attr("r", 7);
  const boxes = bars.inside.append("g"),
    sum = bars.inside.append("text").attr("class", "sum").attr("text-anchor", "end");
  let box = { left: 0, top: 0, height: 1, width: 1 },
    across = null;
  return {
    node: picture.node,
    height: (width) => (width < 480 ? 490 : 500),
    draw(s, reading, { width, height }) {
      picture.size(width, height);
      states(ladder, s, reading, width);
      const inner = bars.place({ top: 150, width, height: 165, margin: SIDES });
      const column = linearScale([0, TOKENS], [0, inner.width], TOKENS),
        up = linearScale([-1, 1], [inner.height, 0], 5);
      bars.scales(column, up);
      bars.titles("token", "TD errors δ, outlined; times (γλ)ᵏ, filled");
      const wide = Math.min(34, (0.62 * inner.width) / TOKENS);
      const bar = (value, k, inset) => {
        const x = column(k + 0.5) - wide / 2 + inset,
          y = Math.max(0, up(Math.max(0, value))),
          low = Math.min(inner.height, up(Math.min(0, value)));
        return `M${x.toFixed(1)},${y.toFixed(1)}h${(wide - 2 * inset).toFixed(1)}V${Math.max(low, y + 0.5).toFixed(1)}h${(2 * inset - wide).toFixed(1)}Z`;
      };
      join(boxes, "path.full", reading.deltas, { d: (delta, k) => bar(delta * reading.shares[k], k, 3) });
      join(boxes, "path.hollow", reading.deltas, { d: (delta, k) => bar(delta, k, 0) });
      put(sum, { x: inner.width - 2, y: 12, text: `their sum, A = ${signed(reading.estimate)}` });
      box = plot.place({ top: 315, width, height: height - 315, margin: SIDES });
      across = linearScale([0, 1], [0, box.width], 5);
      const most = Math.max(0.4, ...reading.curve.map((found) => found.error).filter(Number.isFinite)) * 1.05;
      const y = linearScale([0, most], [box.height, 0], 4);
      plot.scales(across, y);
      plot.titles("λ", "error of the estimated difference");
      curves(lines, s.show, CURVES, (key) =>
        stroke(reading.curve.map((found, i) => [across(LAMBDAS[i]), y(CURVES[key].of(found))])),
      );
      dots(spots, s.show, CURVES, across(s.lam), (key) => y(CURVES[key].of(reading.now)));
      cursor.attr("d", upright(across(s.lam), box.height));
      least.attr("d", upright(across(LAMBDAS[reading.best]), box.height));
      ring.attr("cx", across(s.lam)).attr("cy", box.height);
    },
    lamAt: (pixel) => Math.min(1, Math.max(0, across.invert(pixel - box.left))),
    placeOf: (lam) => ({ x: box.left + across(lam), y: box.top + box.height }),
    within: (y) => y > box.top - 20,
  };
}

/* The chain: a circle for each state with its exact value, the critic's beside it, the drawn text as a path. */
function states(group, s, { exact, values }, width) {
  const step = (width - SIDES.left - SIDES.right) / TOKENS,
    x = (t) => SIDES.left + t * step,
    y = [52, 108],
    radius = 15;
  const row = (t) => (t === 0 ? 0 : s.text[t - 1] === "r" ? 0 : 1);
  const nodes = [],
    edges = [];
  for (let t = 0; t <= TOKENS; t++) {
    for (const kind of t === 0 ? [0] : [0, 1]) {
      const last = t === TOKENS;
      nodes.push({
        t,
        kind,
        on: row(t) === kind,
        value: last ? String(1 - kind) : two(exact[t][kind]),
        says: last ? "" : two(values[t][kind]),
      });
      if (!last) for (const next of [0, 1]) edges.push({ t, kind, next, on: row(t) === kind && row(t + 1) === next });
    }
  }
  edges.sort((a, b) => Number(a.on) - Number(b.on));
  join(group, "path.edge", edges, {
    class: (e) => (e.on ? "edge on" : "edge"),
    d: (e) => `M${x(e.t).toFixed(1)},${y[e.kind]}L${x(e.t + 1).toFixed(1)},${y[e.next]}`,
  });
  join(group, "circle", nodes, {
    class: (n) => (n.on ? "state on" : "state"),
    cx: (n) => x(n.t),
    cy: (n) => y[n.kind],
    r: radius,
  });
  join(group, "text.value", nodes, {
    class: (n) => (n.on ? "value on" : "value"),
    "text-anchor": "middle",
    x: (n) => x(n.t),
    y: (n) => y[n.kind] + 4,
    text: (n) => n.value,
  });
  join(group, "text.says", nodes, {
    "text-anchor": "middle",
    x: (n) => x(n.t),
    y: (n) => (n.kind ? y[1] + 30 : y[0] - 22),
    text: (n) => n.says,
  });
  const words = [
    { text: "right", x: 2, y: y[0] + 4, kind: "" },
    { text: "wrong", x: 2, y: y[1] + 4, kind: "" },
    { text: "critic", x: 2, y: y[0] - 22, kind: "says" },
    { text: "critic", x: 2, y: y[1] + 30, kind: "says" },
    { text: "exact value in the circle, then the reward", x: SIDES.left - 15, y: 12, kind: "title" },
  ];
  textsAt(group, "text.word", words, { class: ({ kind }) => `word ${kind}` });
}

/* The text that is drawn, a button for each token. */
function extra({ set }) {
  let text = "";
  const buttons = Array.from({ length: TOKENS }, (_, t) =>
    button("", () => set({ text: text.slice(0, t) + (text[t] === "r" ? "w" : "r") + text.slice(t + 1) })),
  );
  const el = h(
    "div",
    { class: "text", role: "group", "aria-label": "The drawn text, token by token" },
    h("span", { class: "label", text: "the drawn text: right or wrong after each token" }),
    ...buttons,
  );
  return {
    el,
    update(s) {
      text = s.text;
      buttons.forEach((one, t) => {
        const right = text[t] === "r";
        say(one, right ? "✓" : "✕");
        one.setAttribute("aria-label", `After token ${t + 1} the text is ${right ? "right" : "wrong"}; change it`);
      });
    },
  };
}

export default bench({
  name: "gae",
  title: "GAE: how far ahead should an advantage look?",
  style,
  settings,
  read,
  board,
  extra,
  extraFold: "Another text",
  hint: "Move λ: where is the error smallest? Then make the critic worse.",
  presets: [
    {
      name: "make it fail: blind critic, λ = 0",
      state: { lam: 0, gamma: 1, miss: 1, noise: 0.1, pairs: 16 },
      text: "What to notice: the critic gives right and wrong texts the same value, and λ = 0 uses nothing but the critic. The estimate is 0 on average, with however many texts. Then raise λ.",
    },
    {
      name: "make it fail: noisy rewards, λ = 1",
      state: { lam: 1, gamma: 1, miss: 0.2, noise: 0.8, pairs: 16 },
      text: "What to notice: no bias at all, and the standard deviation is larger than the difference. The critic knows most of the difference, and λ = 1 does not use it. Then lower λ, or raise n.",
    },
    {
      name: "a compromise",
      state: { lam: 0.9, gamma: 1, miss: 0.7, noise: 0.2, pairs: 16 },
      text: "What to notice: the bias falls with λ, the standard deviation rises, and the root mean square error is least between 0 and 1, at the dotted line. With more texts the best λ moves towards 1.",
    },
  ],
  question: {
    text: "The critic has right and wrong the other way round (κ = 2), λ = 0.95, six tokens, a reward at the end. What does the estimate show of the true difference, on average?",
    options: [
      ["turned", "its opposite, as the critic says"],
      ["half", "about half of it"],
      ["95", "95 %"],
    ],
    right: "half",
    state: { lam: 0.95, gamma: 1, miss: 2, noise: 0, pairs: 16 },
    why: "The reward reaches the first token through five steps, each with the factor λ, and keeps a share of 0.95⁵ = 0.77. The other 0.23 come from the critic, with the wrong sign: 0.77 − 0.23 = 0.55. With a thousand tokens the estimate would consist of the critic alone.",
  },
  handles: (s, reading, size, data, shown) => [
    {
      label: "Lambda",
      words: setting(s.lam),
      ...shown.placeOf(s.lam),
      move: (x, y) => (shown.within(y) ? { lam: Number(shown.lamAt(x).toFixed(3)) } : undefined),
    },
  ],
});
