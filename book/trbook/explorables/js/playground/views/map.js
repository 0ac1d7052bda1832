/* The map of a batch: every token at the probability that the policy gave it when it sampled (across) and when the
   token was last scored for an update (up). On the diagonal the ratio is 1. Point at a token, or walk through them
   with the slider, and it is read in its completion. */

import { drawing, h, logit, logitScale, number, probability, say as write, spoken } from "../../parts/common.js";
import { chooser, idle, labels, nameOf, paths, plot, stamped, widthOf } from "./shared.js";

export const title = "Map";
export const about =
  "Every token of the newest batch: its probability when it was sampled, and at its last update. × are clipped.";

const LEAST = 1e-4,
  MOST = 0.99999;
const TICKS = [1e-4, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.99999],
  FEW = [1e-4, 0.01, 0.5, 0.99, 0.99999];
const GUIDES = [0.5, 1, 2],
  REACH = 14,
  LARGEST = 440,
  MARGIN = { left: 46, right: 14, top: 26, bottom: 42 };

export function create(root, { say, changed }) {
  const lanes_ = chooser(() => draw(shown)),
    picture = drawing(),
    panel = plot(picture.panel());
  const guides = paths(panel.clipped, "pv-guide"),
    edges = paths(panel.clipped, "pv-edge"),
    dots = paths(panel.inside, "pv-kept"),
    crosses = paths(panel.inside, "pv-silenced");
  const ring = panel.inside.append("circle").attr("class", "pv-ring").attr("r", 7);
  const plane = h("div", { class: "pv-square" }, picture.node);
  const slider = h("input", {
    type: "range",
    min: 0,
    max: 1,
    step: 1,
    value: 0,
    "aria-label": "Token of the batch, one after the other",
  });
  const key = h("p", { class: "pv-key" }),
    line = h("p", { class: "pv-reading" }),
    facts = h("p", { class: "pv-facts" });
  const waiting = idle("Nothing here yet: the map shows the tokens of a batch.");
  const body = h(
    "div",
    { class: "pv-map" },
    plane,
    h(
      "div",
      { class: "pv-beside" },
      key,
      h("div", { class: "pv-walk" }, h("span", { text: "token", "aria-hidden": "true" }), slider),
      line,
      facts,
    ),
  );
  root.append(lanes_.el, waiting, body);
  const across = widthOf(plane, changed);
  let shown = [],
    lane = null,
    tokens = null,
    size = null,
    scale = null,
    width = 0,
    chosen = -1,
    held = false,
    bounded = "";

  function place() {
    width = Math.min(across.now(), LARGEST);
    picture.size(width, width);
    size = panel.place({ width, height: width, margin: MARGIN });
    panel.titles("probability when sampled", "probability at the update");
    const ticks = (room) => (room < 330 ? FEW : TICKS),
      x = logitScale([LEAST, MOST], [0, size.width], ticks(size.width)),
      y = logitScale([LEAST, MOST], [size.height, 0], ticks(size.height));
    panel.axes(width, x, y);
    scale = { x, y };
    for (const ratio of GUIDES)
      guides.of(ratio).put({ d: along((q) => ratio * q, x, y), class: ratio === 1 ? "pv-guide pv-one" : "pv-guide" });
  }

  function draw(lanes) {
    shown = lanes;
    lane = lanes_.of(lanes);
    const batch = lane?.last;
    waiting.hidden = Boolean(batch);
    body.hidden = !batch;
    if (!batch || !across.now()) return;
    const moved = width !== Math.min(across.now(), LARGEST);
    if (moved) place();
    bound(moved);
    if (!moved && tokens?.completions === batch.completions && tokens.name === lane.name) return;
    tokens = { ...gathered(batch, lane.name), title: batch.title };
    for (const one of tokens.all) {
      one.x = scale.x(one.q);
      one.y = scale.y(one.p);
    }
    const marked = (wanted, mark) => tokens.all.flatMap((one) => (one.kept === wanted ? [mark(one)] : [])).join("");
    stamped(dots.of("all"), batch, { fill: lane.colour, d: marked(true, dot) });
    stamped(crosses.of("all"), batch, { d: marked(false, cross) });
    slider.max = Math.max(0, tokens.all.length - 1);
    chosen = held && chosen < tokens.all.length ? chosen : -1;
    tell();
    read();
  }

  /* The edges of the lane's region as it is set now: the newest batch may have had others. */
  function bound(moved) {
    const { weight } = lane.region ?? {},
      now = JSON.stringify(lane.region);
    if (!moved && now === bounded) return;
    bounded = now;
    edges.of("edges").put({ stroke: lane.colour, d: (weight && turns(weight, scale.x, scale.y)) || null });
    if (tokens) tell();
  }

  function tell() {
    const silenced = tokens.all.filter(({ kept }) => !kept).length,
      of = tokens.all.length;
    key.replaceChildren(
      nameOf({ ...lane, title: tokens.title }),
      h("span", { text: ` ${of} tokens scored: ` }),
      h("span", { class: "pv-mark-kept", text: "● " }),
      h("span", { text: `${of - silenced} kept, ` }),
      h("span", { class: "pv-mark-silenced", text: "× " }),
      h("span", { text: `${silenced} clipped. ` }),
      h("span", {
        class: "pv-note",
        text: alike(tokens.all)
          ? "One update: every ratio is 1, so all lie on the diagonal. "
          : "Dotted: half and twice the probability. ",
      }),
      h("span", { class: "pv-note", text: edgeText(lane.region) }),
    );
    key.querySelector(".pv-mark-kept").style.color = lane.colour;
  }

  function read(aloud = false) {
    const one = tokens.all[chosen];
    ring.attr("display", one ? null : "none");
    facts.hidden = !one;
    if (!one) {
      write(line, "Point at a token to read it in its completion.");
      slider.setAttribute("aria-valuetext", "none");
      slider.value = 0;
      slider.style.setProperty("--at", "0%");
      return;
    }
    slider.value = chosen;
    slider.style.setProperty("--at", `${(100 * chosen) / Math.max(1, slider.max)}%`);
    ring.attr("cx", one.x).attr("cy", one.y);
    const { words, verdict } = one.completion,
      kept = one.kept ? "kept" : "clipped";
    line.replaceChildren(
      h("span", { class: "pv-note", text: `${tokens.prompts[one.completion.prompt].text} ` }),
      ...labels(one.completion).flatMap((word, t) => [
        t === one.t ? h("mark", { text: word }) : document.createTextNode(word),
        " ",
      ]),
    );
    const ruled = verdict.reward ? "right" : verdict.reason;
    write(
      facts,
      `${probability(one.q)} → ${probability(one.p)}, r = ${number(one.p / one.q)} against the policy that sampled, ` +
        `A ${one.advantage > 0 ? "> 0" : one.advantage < 0 ? "< 0" : "= 0"}: ${kept}. Completion: ${ruled}.`,
    );
    const heard = `${one.word}, token ${one.t + 1} of ${words.length}: ${spoken(one.q)} to ${spoken(one.p)}, ratio ${number(one.p / one.q)}, ${kept}`;
    slider.setAttribute("aria-valuetext", heard);
    if (aloud) say?.(`${heard}. ${tokens.prompts[one.completion.prompt].text} ${words.join(" ")}. ${ruled}.`);
  }

  const point = (event) => {
    if (!tokens || !size) return;
    const box = picture.node.getBoundingClientRect(),
      x = event.clientX - box.left - size.left,
      y = event.clientY - box.top - size.top;
    let best = -1,
      least = REACH;
    tokens.all.forEach((one, i) => {
      const far = Math.hypot(one.x - x, one.y - y);
      if (far < least) [best, least] = [i, far];
    });
    if (best === chosen) return;
    chosen = best;
    read(event.type === "pointerdown");
  };
  plane.addEventListener("pointermove", point);
  plane.addEventListener("pointerdown", point);
  plane.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "mouse" || held || !tokens) return;
    chosen = -1;
    read();
  });
  slider.addEventListener("focus", () => {
    held = true;
    if (tokens && chosen < 0) {
      chosen = slider.valueAsNumber;
      read();
    }
  });
  slider.addEventListener("blur", () => {
    held = false;
  });
  slider.addEventListener("input", () => {
    chosen = slider.valueAsNumber;
    if (tokens) read();
  });

  return { draw, free: across.release };
}

/* The tokens that were scored for an update. */
function gathered({ completions, prompts }, name) {
  const all = [];
  for (const completion of completions) {
    if (!completion.now || !completion.kept) continue;
    const words = labels(completion);
    for (let t = 0; t < words.length; t++) {
      all.push({
        completion,
        t,
        word: words[t],
        q: Math.exp(completion.logp[t]),
        p: Math.exp(completion.now[t]),
        kept: Boolean(completion.kept[t]),
        advantage: completion.advantage,
        x: 0,
        y: 0,
      });
    }
  }
  return { completions, prompts, name, all };
}

const alike = (all) => all.every(({ q, p }) => Math.abs(p / q - 1) < 1e-4);

const edgeText = (region) =>
  region ? "Short strokes: where the weight is 0 as the lane is set now, for either sign of A." : "";

/* Where a weight of (A, q, p) becomes 0 or stops to be 0, as short strokes. */
function turns(weight, x, y) {
  let d = "";
  const low = logit(LEAST),
    high = logit(MOST),
    at = (u) => 1 / (1 + Math.exp(-u));
  for (const A of [1, -1]) {
    for (let u = low; u <= high; u += 0.12) {
      const q = at(u),
        silent = (v) => weight(A, q, at(v)) === 0;
      for (let v = low; v < high; v += 0.15) {
        if (silent(v) === silent(v + 0.15)) continue;
        let from = v,
          to = v + 0.15;
        while (to - from > 1e-3)
          [from, to] = silent((from + to) / 2) === silent(v) ? [(from + to) / 2, to] : [from, (from + to) / 2];
        d += `M${(x(q) - 1).toFixed(1)},${y(at(from)).toFixed(1)}h2`;
      }
    }
  }
  return d;
}

/* Where the new probability is this function of the old one. */
function along(edge, x, y) {
  let d = "";
  for (let u = logit(LEAST); u <= logit(MOST); u += 0.06) {
    const q = 1 / (1 + Math.exp(-u)),
      p = edge(q);
    if (p <= LEAST || p >= 1) continue;
    d += `${d ? "L" : "M"}${x(q).toFixed(1)},${y(p).toFixed(1)}`;
  }
  return d;
}

const dot = ({ x, y }) => `M${(x - 2).toFixed(1)},${y.toFixed(1)}a2,2 0 1 0 4,0a2,2 0 1 0 -4,0`;
const cross = ({ x, y }) => `M${(x - 3).toFixed(1)},${(y - 3).toFixed(1)}l6,6m0,-6l-6,6`;
