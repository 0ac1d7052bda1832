/* The triangle of all policies over three tokens: regions around the old policy, both policies, and room for names. */

import { least } from "d3-array";
import { clamp, drawing, meets, setting, textsAt, unique, wide, join } from "../parts/common.js";
import { LOOKS, plane, policy } from "./looks.js";
import { TRIANGLE } from "./maths.js";

const PAD = { side: 26, top: 30, bottom: 40 },
  TALL = Math.sqrt(3) / 2;
const path = (points) => `M${points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join("L")}Z`;

export function board() {
  const { node, svg } = drawing();
  const clip = unique("trx-clip"),
    frame = svg.append("clipPath").attr("id", clip).append("rect").attr("rx", 10);
  const back = svg.append("rect").attr("class", "sky").attr("rx", 10);
  const inside = svg.append("g").attr("clip-path", `url(#${clip})`);
  const layer = (name) => inside.append("g").attr("class", name);
  const triangle = inside.append("path").attr("class", "whole"),
    grid = inside.append("path").attr("class", "grid-lines");
  const fills = layer("fills"),
    sides = inside.append("path").attr("class", "sides"),
    edges = layer("edges"),
    way = inside.append("path").attr("class", "way");
  const leads = inside.append("path").attr("class", "leads"),
    names = layer("names"),
    corners = svg.append("g").attr("class", "corners"),
    points = svg.append("g");
  const ring = points.append("circle").attr("class", "ring").attr("r", 7.5),
    dot = points.append("circle").attr("class", "dot").attr("r", 6);
  const tags = points.append("g"),
    rule = svg.append("g").attr("class", "scale"),
    map = svg.append("g").attr("class", "map");
  let view = null,
    touched = -Infinity;

  const shown = {
    node,
    height: (width) => Math.round(Math.min(width, 350) * TALL * (width < 480 ? 0.78 : 1) + 46),
    draw(s, reading, { width, height }) {
      svg.attr("width", width).attr("height", height);
      for (const rect of [frame, back]) rect.attr("width", width).attr("height", height);
      back.attr("visibility", s.view === "close" ? null : "hidden");
      view = viewOf(s, reading, width, height, view, performance.now() - touched < 400);
      const at = (p) => view.to(plane(p));
      triangle.attr("d", path(TRIANGLE.map(at)));
      sides.attr("d", path(TRIANGLE.map(at)));
      grid.attr("d", gridOf(view, at));
      const drawn = reading.regions.map(({ key, edge }) => {
        const line = edge.map(at);
        return { key, line, d: path(line) };
      });
      join(fills, "path", drawn, { key: (d) => d.key, d: (d) => d.d, style: { fill: (d) => LOOKS[d.key].hue } });
      join(edges, "path", drawn, {
        key: (d) => d.key,
        "stroke-dasharray": (d) => LOOKS[d.key].dash || null,
        d: (d) => d.d,
        style: { stroke: (d) => LOOKS[d.key].hue },
      });
      const old = at(s.old),
        now = at(s.new);
      ring.attr("cx", old[0]).attr("cy", old[1]);
      dot.attr("cx", now[0]).attr("cy", now[1]);
      way.attr("d", `M${old}L${now}`);
      const taken = writeCorners(corners, s, at, width, height);
      taken.push(
        ...drawScale(rule, view, width, height),
        ...(s.view === "close" ? drawMap(map, view, s, width, height) : []),
      );
      map.attr("visibility", s.view === "close" ? null : "hidden");
      taken.push(...tagPoints(tags, old, now));
      writeNames(names, leads, drawn, taken, width, height);
      shown.places = { old, new: now };
    },
    /* The policy under a pixel, with the view held still while a hand moves something. */
    policyAt(x, y) {
      touched = performance.now();
      return policy(view.from([x, y]));
    },
    places: { old: [0, 0], new: [0, 0] },
  };
  return shown;
}

/* Plane to pixels and back: the whole triangle, or what is shown of it, as large as fits. */
function viewOf(s, reading, width, height, before, held) {
  const fit = (scale, x, y) => ({
    name: s.view,
    width,
    scale,
    to: ([a, b]) => [x + scale * a, y - scale * b],
    from: ([a, b]) => [(a - x) / scale, (y - b) / scale],
  });
  if (s.view === "whole") {
    const scale = Math.min(width - 2 * PAD.side, (height - PAD.top - PAD.bottom) / TALL);
    return fit(scale, (width - scale) / 2, PAD.top + scale * TALL);
  }
  if (held && before?.name === "close" && before.width === width) return before;
  const all = [...reading.regions.flatMap(({ edge }) => edge), s.old, s.new].map(plane);
  const [xs, ys] = [0, 1].map((axis) => all.map((point) => point[axis])),
    [left, right, low, top] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = Math.min((width - 76) / Math.max(right - left, 1e-6), (height - 96) / Math.max(top - low, 1e-6), 4e5);
  return fit(scale, width / 2 - (scale * (left + right)) / 2, height / 2 - 12 + (scale * (low + top)) / 2);
}

const STEPS = [0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001, 5e-5, 2e-5, 1e-5];
const stepOf = (view, least) => STEPS.findLast((step) => step * view.scale >= least) ?? STEPS[0];

/* Lines of equal probability of each token, as far apart as the view likes them. */
function gridOf(view, at) {
  const step = stepOf(view, 34),
    lines = [];
  const middle = policy(view.from([view.width / 2, view.width / 2])),
    reach = (1.2 * view.width) / view.scale;
  for (const token of [0, 1, 2]) {
    const from = Math.max(1, Math.ceil((middle[token] - reach) / step)),
      to = Math.min(Math.round(1 / step) - 1, Math.floor((middle[token] + reach) / step));
    for (let i = from; i <= to; i++) {
      const ends = [1, 2].map((far) =>
        TRIANGLE[0].map((_, k) => (k === token ? i * step : k === (token + far) % 3 ? 1 - i * step : 0)),
      );
      lines.push(`M${ends.map((end) => at(end).map((x) => clamp(x, -1e4, 1e4).toFixed(1))).join("L")}`);
    }
  }
  return lines.join("");
}

/* The tokens at the corners, where they are in view, with what both policies give them. */
function writeCorners(group, s, at, width, height) {
  const list =
    s.view === "close"
      ? []
      : [0, 1, 2].map((token) => {
          const [x, y] = at(TRIANGLE[token]);
          return {
            token,
            text: `token ${token}`,
            anchor: ["start", "middle", "end"][token],
            x: x + [-20, 0, 20][token],
            y: token === 1 ? y - 10 : y + 20,
          };
        });
  textsAt(group, "text.corner", list);
  return list
    .map((d) => ({ x: d.x + { start: 28, middle: 0, end: -28 }[d.anchor], y: d.y - 4, width: 56, height: 16 }))
    .filter(({ y }) => y < height + width);
}

/* A length that says how much probability it is: moved from one token to another, all else as it was. */
function drawScale(group, view, width, height) {
  const step = stepOf(view, 44),
    length = step * view.scale,
    x = width - 14 - length,
    y = height - 9;
  const close = view.name === "close",
    text = setting(step);
  const left = close ? x : (width - length) / 2;
  join(group, "path", [0], { d: `M${left.toFixed(1)},${y - 4}v8m0,-4h${length.toFixed(1)}m0,-4v8` });
  join(group, "text", [text], {
    x: left - 6,
    y: y + 4,
    "text-anchor": "end",
    text: `${text} moved`,
  });
  return [{ x: left + length / 2 - 30, y, width: length + 80, height: 20 }];
}

/* Where a close-up is: the whole triangle, small, with the frame. */
function drawMap(group, view, s, width, height) {
  const size = 46,
    x = 12,
    y = height - 12,
    to = (p) => [x + size * plane(p)[0], y - size * plane(p)[1]];
  const [left, top] = view.from([0, 0]),
    [right, low] = view.from([width, height]);
  const box = [Math.max(left, -0.06), Math.min(top, 0.93), Math.min(right, 1.06), Math.max(low, -0.06)];
  const frame = {
    x: x + size * box[0],
    y: y - size * box[1],
    width: Math.max(3, size * (box[2] - box[0])),
    height: Math.max(3, size * (box[1] - box[3])),
  };
  join(group, "path", [0], { d: path(TRIANGLE.map(to)) });
  join(group, "rect", [frame], {
    x: (d) => d.x,
    y: (d) => d.y,
    width: (d) => d.width,
    height: (d) => d.height,
  });
  join(group, "text", [0, 1, 2], {
    "text-anchor": "middle",
    x: (k) => to(TRIANGLE[k])[0] + [-4, 0, 5][k],
    y: (k) => to(TRIANGLE[k])[1] + [4, -3, 4][k],
    text: String,
  });
  return [{ x: x + size / 2, y: y - 22, width: size + 26, height: 60 }];
}

function tagPoints(group, old, now) {
  const apart = Math.sign(now[0] - old[0]) || 1;
  const list = [
    { text: "old", x: old[0] - 13 * apart, y: old[1] + 4, anchor: apart > 0 ? "end" : "start" },
    { text: "new", x: now[0] + 12 * apart, y: now[1] + 4, anchor: apart > 0 ? "start" : "end" },
  ];
  textsAt(group, "text.tag.halo", list);
  return [
    ...list.map((d) => ({ x: d.x + (d.anchor === "start" ? 13 : -13), y: d.y - 4, width: 26, height: 16 })),
    { x: old[0], y: old[1], width: 18, height: 18 },
    { x: now[0], y: now[1], width: 18, height: 18 },
  ];
}

const ENOUGH = 30; // pixels between a name and the other edges
/* A name outside its region's edge, where it is furthest from the other edges and from all that is written; where
   there is no room, further away, with a line that leads to it. */
function writeNames(group, leads, drawn, taken, width, height) {
  const list = [],
    lines = [],
    inFrame = (box) => Math.abs(box.x - width / 2) < (width - box.width) / 2 - 3 && box.y > 11 && box.y < height - 11;
  const free = (box) => inFrame(box) && !taken.some((other) => meets(box, other, 2));
  const points = new Map(drawn.map(({ key, line }) => [key, pieces(line)]));
  const late = [];
  const put = (key, place) => {
    taken.push(place);
    list.push({ ...place, y: place.y + 4, anchor: "middle", key, text: LOOKS[key].short });
  };
  for (const { key, line } of drawn) {
    const box = { width: wide(LOOKS[key].short, 12), height: 15 },
      [cx, cy] = middleOf(line);
    const others = drawn.filter((other) => other.key !== key).flatMap((other) => points.get(other.key));
    let best = null;
    for (const [i, [x, y]] of points.get(key).entries()) {
      if (i % 2) continue;
      const far = Math.hypot(x - cx, y - cy) || 1;
      const place = {
        ...box,
        x: x + ((x - cx) / far) * (box.width / 2 + 5),
        y: y + ((y - cy) / far) * (box.height / 2 + 5),
      };
      if (!free(place)) continue;
      const least = best?.clear ?? 1;
      let clear = ENOUGH;
      for (const [a, b] of others) {
        clear = Math.min(
          clear,
          Math.max(Math.abs(a - place.x) - box.width / 2, Math.abs(b - place.y) - box.height / 2),
        );
        if (clear <= least) break;
      }
      if (clear > least) best = { ...place, clear };
      if (clear === ENOUGH) break; // no place is clearer
    }
    if (best) put(key, best);
    else late.push({ key, line, box });
  }
  for (const { key, line, box } of late) {
    const place = aside(
      line,
      box,
      free,
      drawn.filter((other) => other.key !== key).flatMap((other) => points.get(other.key)),
    );
    if (!place) continue;
    put(key, place);
    const end = nearestTo(points.get(key), place),
      start = [
        clamp(end[0], place.x - box.width / 2, place.x + box.width / 2),
        place.y + Math.sign(end[1] - place.y) * 8,
      ];
    lines.push(`M${start.map((x) => x.toFixed(1))}L${end.map((x) => x.toFixed(1))}`);
  }
  leads.attr("d", lines.join("") || null);
  textsAt(group, "text.name", list, { key: (d) => d.key, style: { fill: (d) => LOOKS[d.key].hue } });
}

/* A free place outside a region, on no other edge if there is one. */
function aside(line, box, free, others) {
  const [cx, cy] = middleOf(line);
  let second = null;
  for (let i = 0; i < 96; i++) {
    const angle = (Math.PI * (1 + 2 * ((i * 5) % 24))) / 24,
      ux = Math.cos(angle),
      uy = Math.sin(angle);
    const far = Math.max(...line.map(([x, y]) => (x - cx) * ux + (y - cy) * uy)) + 18 + 20 * Math.floor(i / 24);
    const place = { ...box, x: cx + ux * (far + box.width / 2), y: cy + uy * far };
    if (!free(place)) continue;
    if (!others.some(([x, y]) => Math.abs(x - place.x) < box.width / 2 + 2 && Math.abs(y - place.y) < 10)) return place;
    second ??= place;
  }
  return second;
}

const middleOf = (line) => [0, 1].map((axis) => line.reduce((total, point) => total + point[axis], 0) / line.length);
const nearestTo = (points, { x, y }) => least(points, ([a, b]) => Math.hypot(a - x, b - y));

/* A closed line as points about eight pixels apart. */
function pieces(line) {
  const found = [];
  line.forEach(([x, y], i) => {
    const [a, b] = line[(i + 1) % line.length],
      count = Math.min(60, Math.ceil(Math.hypot(a - x, b - y) / 8));
    if (count === 1 && i % 4) return;
    for (let j = 0; j < count; j++) found.push([x + ((a - x) * j) / count, y + ((b - y) * j) / count]);
  });
  return found;
}
