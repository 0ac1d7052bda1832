/* The plane itself: regions, edges, words where there is room, and the cursor with what each method does to it. */

import {
  band,
  clamp,
  columns,
  drawing,
  meets,
  probability,
  probabilityScale,
  put,
  roomiest,
  still,
  stroke,
  tickText,
  unique,
  wide,
  join,
} from "../parts/common.js";
import { LANDMARKS, METHODS } from "./reading.js";
import { dots } from "./tokens.js";

export const MARGIN = { left: 52, right: 12, top: 26, bottom: 44 };
const KEYS = Object.keys(METHODS),
  UNFOLDS = 500; // milliseconds
const hue = (key) => METHODS[key].hue;

/* The plane, at most `most` pixels high: { node, height, draw, and as they were drawn last x, y and size }. */
export function plane({ set }, most = 440) {
  const few = most < 440, // without what only the whole figure speaks of
    landmarks = LANDMARKS.slice(0, few ? 2 : 3);
  const picture = drawing(),
    hatches = addHatches(picture.svg.append("defs")),
    panel = picture.panel(),
    under = panel.under(),
    over = panel.inside;
  const dead = under.append("rect").attr("class", "dead"),
    live = under.append("path").attr("class", "live"),
    zones = new Map(KEYS.map((key) => [key, under.append("path").attr("fill", `url(#${hatches.get(key)})`)]));
  const same = over.append("path").attr("class", "same"),
    edges = new Map(
      KEYS.map((key) => [
        key,
        put(over.append("path"), { class: "edge", stroke: hue(key), "stroke-dasharray": METHODS[key].dash || null }),
      ]),
    );
  const cloud = {
    kept: over.append("path").attr("class", "token"),
    silent: over.append("path").attr("class", "token silent"),
  };
  const words = over.append("g"),
    marks = over.append("g"),
    point = over.append("g"),
    last = new Map();
  let blend = null, // of the axes: 0 linear, 1 logit
    shown = null,
    drawn = "";

  const map = {
    node: picture.node,
    size: 0,
    x: null,
    y: null,
    height: (width) => sizeOf(width) + MARGIN.top + MARGIN.bottom,
    at(event) {
      const box = map.node.getBoundingClientRect();
      return [event.clientX - box.left - MARGIN.left, event.clientY - box.top - MARGIN.top];
    },
    draw(s, reading, { width, height }, batch) {
      const target = s.axes === "logit" ? 1 : 0,
        unfolds = shown !== null && shown.target !== target && !still();
      if (unfolds) requestAnimationFrame((now) => unfold(target, blend, now, now));
      else if (shown?.target !== target) blend = target;
      shown = { target, s, reading, width, height, batch };
      paint();
    },
  };
  const sizeOf = (width) => clamp(width - MARGIN.left - MARGIN.right, 120, width < 480 ? 0.77 * most : most);

  /* Linear to logit and back: the corner unfolds before the eye. */
  function unfold(target, from, begun, now) {
    if (shown.target !== target) return;
    const share = clamp((now - begun) / UNFOLDS, 0, 1);
    blend = share === 1 ? target : from + (target - from) * share * share * (3 - 2 * share);
    paint();
    if (share < 1) requestAnimationFrame((later) => unfold(target, from, begun, later));
    else set({}, true); // the handle goes to where the dot is now
  }

  function paint() {
    const { s, reading, width, height, batch } = shown,
      { old_p, new_p, token, ...ground } = s,
      wanted = JSON.stringify([ground, blend, width]);
    if (wanted !== drawn) {
      const size = sizeOf(width),
        x = probabilityScale([0, size], blend),
        y = probabilityScale([size, 0], blend);
      Object.assign(map, { size, x, y });
      picture.size(size + MARGIN.left + MARGIN.right, height);
      panel.place({ width: size + MARGIN.left + MARGIN.right, height, margin: MARGIN });
      panel.scales(x, y);
      panel.titles("old probability q (the policy that sampled)", "new probability p");
      put(dead, { width: size, height: size });
      const field = survey(s, x, y, size);
      live.attr("d", band(field.live));
      same.attr("d", `M0,${size}L${size},0`);
      for (const key of KEYS) {
        const seen = s.show.includes(key);
        zones.get(key).attr("d", seen ? band(field.only.get(key)) : null);
        edges.get(key).attr("d", seen ? stroke(inside(field.edge.get(key), size)) : null);
      }
      const places = markPlaces(landmarks, x, y, size);
      writeWords(words, field, s, size, last, { places, few, y });
      drawMarks(marks, places);
      if (batch) for (const [name, path] of Object.entries(dots(batch, s, map))) cloud[name].attr("d", path || null);
      drawn = wanted;
    }
    drawPoint(point, panel.axes, map, reading.r, s);
  }
  return map;
}

/* Every column of the plane: how far from the safe side each method keeps, what all keep, what only some keep. */
function survey(state, x, y, size) {
  const up = state.sign > 0;
  const at = (distance) => (up ? size - distance : distance);
  const only = new Map(state.show.map((key) => [key, []])),
    edge = new Map(state.show.map((key) => [key, []]));
  const live = [],
    silent = [],
    mixed = new Map();
  for (const column of columns(x, size)) {
    const reach = state.show
      .map((key) => {
        const p = clamp(METHODS[key].edge(column.q, state), 0, 1);
        const height = p <= 0 ? size + 40 : p >= 1 ? -40 : y(p);
        edge.get(key).push([column.x, clamp(height, -40, size + 40)]);
        return { key, distance: clamp(up ? size - height : height, 0, size) };
      })
      .sort((a, b) => a.distance - b.distance);
    const first = reach[0].distance,
      final = reach[reach.length - 1].distance;
    live.push(span(column.x, at(0), at(first)));
    silent.push(span(column.x, at(final), at(size)));
    for (const { key, distance } of reach) only.get(key).push(span(column.x, at(first), at(distance)));
    for (let i = 1; i < reach.length; i++) {
      const keepers = reach
        .slice(i)
        .map((item) => item.key)
        .sort()
        .join(" ");
      if (!mixed.has(keepers)) mixed.set(keepers, new Map());
      mixed.get(keepers).set(column.x, span(column.x, at(reach[i - 1].distance), at(reach[i].distance)));
    }
  }
  const rows = [...mixed].map(([keepers, found]) => ({
    keepers: keepers.split(" "),
    spans: live.map(({ x: at }) => found.get(at) ?? { x: at, from: 0, to: 0 }),
  }));
  return { live, silent, only, edge, mixed: rows };
}

const span = (x, a, b) => ({ x, from: Math.min(a, b), to: Math.max(a, b) });

/* The part of a curve inside the frame, cut where it leaves. */
function inside(points, size) {
  const kept = [];
  points.forEach(([x, y], i) => {
    const before = points[i - 1],
      out = y < 0 || y > size;
    if (before && (before[1] < 0 || before[1] > size) !== out) {
      const wall = (out ? y : before[1]) < 0 ? 0 : size;
      kept.push([before[0] + ((wall - before[1]) / (y - before[1])) * (x - before[0]), wall]);
    }
    if (!out) kept.push([x, y]);
  });
  return kept;
}

function writeWords(group, field, state, size, last, { places, few, y }) {
  const small = size < 330,
    height = small ? 13 : 15;
  /** @type {(text: string, bold?: number) => [number, number]} */
  const box = (text, bold = 1) => [bold * wide(text, 13), height];
  const inset = formula(state, size, small, few);
  const taken = [inset.box, ...markBoxes(places, y)];
  const list = [];
  const put = (text, spans, fill = null) => {
    const words = text.split(" ");
    for (const lines of [[text], [words.slice(0, -1).join(" "), words.at(-1)], words]) {
      const widest = lines.reduce((a, b) => (a.length > b.length ? a : b));
      const place = roomiest(spans, box(widest)[0], lines.length * height, taken);
      if (!place) continue;
      taken.push(place);
      lines.forEach((line, i) =>
        list.push({ text: line, kind: "zone", fill, x: place.x, y: place.y + (i - (lines.length - 1) / 2) * height }),
      );
      return;
    }
  };
  const several = state.show.length > 1;
  put(several ? "clipped by all" : "clipped", field.silent);
  for (const { keepers, spans } of field.mixed) {
    const fill = keepers.length === 1 ? hue(keepers[0]) : "var(--ink)";
    put(zoneName(keepers), spans, fill);
  }
  put(several ? "kept by all" : "kept", field.live);
  for (const key of state.show) {
    const place = besideCurve(field.edge, key, box(METHODS[key].name, 1.15), taken, state.sign, size, last.get(key));
    last.set(key, place);
    if (place)
      taken.push(place) && list.push({ text: METHODS[key].name, kind: "name", fill: hue(key), x: place.x, y: place.y });
  }
  join(group, "text.word", list, {
    class: (d) => `word halo ${d.kind}`,
    x: (d) => d.x,
    y: (d) => d.y + 4,
    style: { fill: (d) => d.fill, "font-size": null },
    text: (d) => d.text,
  });
  join(group, "text.inset.halo.maths", inset.lines, {
    "text-anchor": inset.anchor,
    x: inset.x,
    y: (d, i) => inset.y + i * inset.step,
    style: { fill: (d) => d.fill, stroke: "var(--live)", "font-size": small ? "13px" : "13.5px" },
    text: (d) => d.text,
  });
}

const zoneName = (keepers) => {
  if (keepers.length === 1) return `only ${METHODS[keepers[0]].name} keeps`;
  return keepers.includes("ppo")
    ? `PPO's clip and ${METHODS[keepers.find((key) => key !== "ppo")].name} keep`
    : "only DPPO keeps";
};

/* The tests, typeset in the corner that no method ever silences. */
function formula(state, size, small, few) {
  const up = state.sign > 0,
    step = small ? 14 : 19;
  const lines = [
    { text: `A ${up ? ">" : "<"} 0: ${few ? "kept" : "the gradient is kept"} while`, fill: "var(--soft)" },
    ...state.show.map((key) => ({ text: METHODS[key].test(state), fill: hue(key) })),
  ];
  const width = 12 + Math.max(...lines.map(({ text }) => wide(text, small ? 13 : 13.5))),
    height = lines.length * step;
  const x = up ? size - 8 : 8,
    y = up ? size - height + step - (small ? 7 : 12) : step;
  return {
    lines,
    step,
    x,
    y,
    anchor: up ? "end" : "start",
    box: {
      x: up ? size - width / 2 : width / 2,
      y: up ? size - height / 2 - 8 : height / 2 + 4,
      width,
      height: height + 8,
    },
  };
}

/* A name beside its curve: on the side that it keeps if there is room, clear of the other curves and of all words, near where it last stood. */
function besideCurve(edges, key, [width, height], taken, sign, size, before) {
  const points = edges.get(key),
    others = [...edges].filter(([other]) => other !== key).map(([, line]) => line);
  const every = points[1][0] - points[0][0],
    reach = Math.ceil(width / 2 / every) + 1;
  let best = null;
  for (const side of [sign, -sign]) {
    for (let i = reach; i < points.length - reach; i += 4) {
      const stretch = points.slice(i - reach, i + reach + 1).map((point) => point[1]);
      const wall = side < 0 ? Math.min(...stretch) : Math.max(...stretch);
      const box = { x: points[i][0], y: wall + side * (height / 2 + 4), width, height };
      if (box.y < height / 2 + 2 || box.y > size - height / 2 - 2 || taken.some((other) => meets(box, other, 3)))
        continue;
      let clear = 40;
      for (const other of others) {
        for (let j = i - reach; j <= i + reach; j += 3)
          clear = Math.min(clear, Math.abs(other[j][1] - box.y) - height / 2);
      }
      if (clear < 2) continue;
      const slope = Math.max(...stretch) - Math.min(...stretch);
      const moved = before ? Math.hypot(before.x - box.x, before.y - box.y) : 0;
      const score = clear - slope - 0.15 * Math.min(moved, 120);
      if (!best || score > best.score) best = { ...box, score };
    }
    if (best) return best;
  }
  return null;
}

/* Landmarks and their names: beside the ring, to its left where the frame ends on its right. */
function markPlaces(landmarks, x, y, size) {
  return landmarks.map((mark) => {
    const px = x(mark.old_p),
      py = y(mark.new_p),
      width = 4 + wide(mark.short, 13),
      right = px + 10 + width < size;
    return { mark, px, py, width, name: { x: right ? px + 10 : px - 10, y: py + 4, anchor: right ? "start" : "end" } };
  });
}
const markBoxes = (places, y) =>
  places.flatMap(({ mark, px, py, width, name }) => [
    { x: name.x + (name.anchor === "start" ? width / 2 : -width / 2), y: name.y - 4, width, height: 14 },
    { x: px, y: py - mark.sign * 16, width: 40, height: 48 },
    { x: px, y: (py + y(mark.old_p)) / 2, width: 0, height: Math.abs(py - y(mark.old_p)) },
  ]);

function drawMarks(group, found) {
  const all = group
    .selectAll("g.mark")
    .data(found)
    .join((enter) => {
      const made = enter.append("g").attr("class", "mark");
      made.append("circle").attr("class", "ring").attr("r", 4.5);
      made.append("text").attr("class", "halo");
      return made;
    });
  put(all.select("circle"), { cx: (d) => d.px, cy: (d) => d.py });
  put(all.select("text"), {
    x: (d) => d.name.x,
    y: (d) => d.name.y,
    "text-anchor": (d) => d.name.anchor,
    style: { "font-size": "13px" },
    text: (d) => d.mark.short,
  });
}

/* The cursor: the move from the diagonal to the point, and one arrow a method, or a cross where it silences. */
function drawPoint(group, axes, { x, y, size }, r, state) {
  const cx = clamp(x(r.q), 0, size),
    cy = clamp(y(r.p), 0, size),
    start = clamp(y(r.q), 0, size);
  const push = -state.sign,
    length = clamp(17 + 6 * Math.log10(r.ratio), 8, 40);
  const shapes = [
    { c: "cross", d: `M0,${cy}H${cx}M${cx},${cy}V${size}` },
    { c: "move", d: `M${cx},${start}V${cy}` },
    ...state.show.map((key, i) => {
      const tip = cy + push * (13 + length),
        over = tip < 0 || tip > size;
      const aside = over ? (cx < size / 2 ? 30 : -30) : 0,
        from = over ? clamp(tip, 0, size) - push * length : cy + push * 13;
      const ax = cx + aside + (i - (state.show.length - 1) / 2) * 13;
      return { c: "push", hue: hue(key), d: r.kept[key] ? arrow(ax, from, push, length) : cross(ax, from + push * 6) };
    }),
  ];
  join(group, "path", shapes, { class: (d) => d.c, d: (d) => d.d, style: { stroke: (d) => d.hue ?? null } });
  const spots = [
    { c: "ring", x: cx, y: start, r: 3.5 },
    { c: "dot", x: cx, y: cy, r: 6.5 },
  ];
  join(group, "circle", spots, {
    class: (d) => d.c,
    cx: (d) => d.x,
    cy: (d) => d.y,
    r: (d) => d.r,
  });
  const chips = chipsOf(probability(r.q), probability(r.p), cx, cy, size);
  axes.selectAll(".tick text").style("visibility", function hidden(p) {
    const along = this.parentNode.parentNode.classList.contains("x-axis"),
      chip = chips[along ? 0 : 1];
    const far = along
      ? Math.abs(x(p) - chip.x) * 2 - wide(tickText(p), 11) - chip.width
      : Math.abs(y(p) - chip.y) * 2 - 28;
    return far < 4 ? "hidden" : null;
  });
  join(group, "rect.chip", chips, {
    rx: 4,
    height: 17,
    width: (d) => d.width,
    x: (d) => d.x - d.width / 2,
    y: (d) => d.y - 8.5,
  });
  join(group, "text.chip", chips, { x: (d) => d.x, y: (d) => d.y + 4, text: (d) => d.text });
}

/* The cursor's two probabilities on the axes, each kept inside the drawing. */
function chipsOf(across, along, cx, cy, size) {
  const [q, p] = [across, along].map((text) => ({ text, width: 8 + wide(text, 13) }));
  return [
    { ...q, x: clamp(cx, q.width / 2 - MARGIN.left, size + MARGIN.right - q.width / 2), y: size + 15 },
    { ...p, x: Math.max(-3 - p.width / 2, p.width / 2 - MARGIN.left), y: cy },
  ];
}

const arrow = (x, y, push, length) => {
  const tip = y + push * length;
  return `M${x},${y}V${tip}M${x - 4},${tip - push * 4.5}L${x},${tip}L${x + 4},${tip - push * 4.5}`;
};
const cross = (x, y) => `M${x - 4},${y - 4}l8,8m0,-8l-8,8`;

function addHatches(defs) {
  return new Map(
    KEYS.map((key) => {
      const id = unique("trx-hatch"),
        pattern = defs.append("pattern"),
        size = { width: 9, height: 9 },
        turned = `rotate(${METHODS[key].hatch})`;
      put(pattern, { id, patternUnits: "userSpaceOnUse", ...size, patternTransform: turned });
      put(pattern.append("rect"), { ...size, fill: hue(key), "fill-opacity": 0.07 });
      const looks = { stroke: hue(key), "stroke-width": 1.3, "stroke-opacity": 0.6 };
      put(pattern.append("line"), { y2: 9, x1: 4.5, x2: 4.5, ...looks });
      return [key, id];
    }),
  );
}
