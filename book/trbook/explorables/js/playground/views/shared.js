/* What the views have in common: names of lanes, one cell a lane, a chooser, running means, axes that stand still. */

import { identity } from "../lanes.js";
import { choice, drawing, h, linearScale, number, sample, say } from "../../parts/common.js";

const ENDS = [10, 20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1000];
const MARGIN = { left: 42, right: 12, top: 10, bottom: 24 };
const DRAWN = 400; // points of a curve, at most

/* The end of an axis of batches that holds so many: it moves now and then, not at every batch. */
export const batchEnd = (count) => ENDS.find((end) => end >= count) ?? Math.ceil(count / 500) * 500;

/* The least of 1, 2, 5, 10, 20 .. that is not below a value. */
export function above(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((digit) => digit * power).find((end) => end >= value * (1 - 1e-9));
}

/* A line through values as the d of a path, batch by batch; what was not measured leaves a gap. */
export function pathOf(values, x, y) {
  const step = Math.max(1, Math.ceil(values.length / DRAWN));
  let d = "",
    pen = "M";
  for (let i = 0; i < values.length; i += step) {
    if (!Number.isFinite(values[i])) {
      pen = "M";
      continue;
    }
    d += `${pen}${x(i).toFixed(1)},${y(values[i]).toFixed(1)}`;
    pen = "L";
  }
  return d;
}

/* A panel with axes that are drawn anew only where they change. */
export function plot(panel) {
  let known = "";
  return {
    inside: panel.inside,
    clipped: panel.clipped,
    place({ margin, ...box }) {
      known = "";
      return panel.place({ ...box, margin: { ...MARGIN, ...margin } });
    },
    /* x, y: makers of scales; key: what they depend on. */
    axes(key, x, y) {
      if (known === key) return;
      known = key;
      panel.scales(x, y);
    },
    titles: panel.titles,
  };
}

/* A path of a group that is made when it is first asked for. An attribute is written only when it changes: the browser
   reads a path anew each time, even where it is the same. */
export function paths(group, kind) {
  const made = new Map();
  const make = () => {
    const node = group.append("path").attr("class", kind),
      known = {};
    return {
      put(looks) {
        for (const [key, value] of Object.entries(looks))
          if (known[key] !== value) node.attr(key, (known[key] = value));
      },
      remove: () => node.remove(),
    };
  };
  return {
    of(name) {
      if (!made.has(name)) made.set(name, make());
      return made.get(name);
    },
    /* Only these stay. */
    keep(names) {
      for (const [name, path] of made)
        if (!names.includes(name)) {
          path.remove();
          made.delete(name);
        }
    },
  };
}

/* A node's inner width, 0 while it is not seen. After the first time it is read when its observer reports, where the
   layout is at hand: read in the middle of every drawing, it would have the page laid out twice. */
export function widthOf(node, changed) {
  let width = 0;
  const watcher = new ResizeObserver(() => {
    if (width === node.clientWidth) return;
    width = node.clientWidth;
    changed();
  });
  watcher.observe(node);
  return { now: () => (width ||= node.clientWidth), release: () => watcher.disconnect() };
}

/* A lane's line and its title. */
export function nameOf(lane) {
  const line = sample(lane.dash);
  line.style.color = lane.colour;
  return h("span", { class: "pv-name" }, line, h("b", { text: lane.title }));
}

const look = ({ title, colour, dash }) => `${title}|${colour}|${dash}`;

/* What is drawn says what its rows were sampled with. */
export const stamped = (path, { settings, name = null }, looks) =>
  path.put({ "data-method": settings.method, "data-setting": identity(settings), "data-of": name, ...looks });

/* Lanes, or their segments, by line and title, each with some words. */
export function legend() {
  const el = h("ul", { class: "pv-legend" });
  let known = "",
    words = [];
  return {
    el,
    show(lanes, text) {
      const now = lanes.map(look).join("||");
      if (now !== known) {
        known = now;
        words = lanes.map(() => h("span", { class: "pv-note" }));
        el.replaceChildren(...lanes.map((lane, i) => h("li", {}, nameOf(lane), words[i])));
      }
      lanes.forEach((lane, i) => say(words[i], text(lane)));
    },
  };
}

/* One cell a lane, in a grid: its name, a note, and a drawing of one panel. `fill(cell, lane, i)` draws. */
export function cells(root, height, changed) {
  const el = h("div", { class: "pv-cells" }),
    made = new Map();
  let width = 0;
  const across = widthOf(el, () => {
    width = made.values().next().value?.node.clientWidth ?? 0;
    changed();
  });
  root.append(el);
  const make = (lane) => {
    const picture = drawing(),
      note = h("span", { class: "pv-note" });
    const node = h("div", { class: "pv-cell" }, h("p", {}, nameOf(lane), note), picture.node);
    return { node, picture, note, panel: plot(picture.panel()), look: look(lane), width: 0, size: null };
  };
  return {
    el,
    each(lanes, fill, more = {}) {
      for (const [name, cell] of made) {
        const lane = lanes.find((one) => one.name === name);
        if (lane && cell.look === look(lane)) continue;
        cell.node.remove();
        made.delete(name);
      }
      for (const lane of lanes) {
        if (!made.has(lane.name)) made.set(lane.name, make(lane));
        if (el.children[lanes.indexOf(lane)] !== made.get(lane.name).node) el.append(made.get(lane.name).node);
      }
      if (!width) width = made.values().next().value?.node.clientWidth ?? 0;
      lanes.forEach((lane, i) => {
        const cell = made.get(lane.name);
        if (cell.width !== width) {
          cell.width = width;
          cell.picture.size(width, height);
          cell.size = cell.panel.place({ width, height, ...more });
          cell.known = "";
        }
        if (width) fill(cell, lane, i);
      });
    },
    release: across.release,
  };
}

/* Which lane is shown, where there are several. */
export function chooser(onChange) {
  const el = h("div", { class: "pv-choice" });
  let known = "",
    chosen = null,
    radio = null;
  return {
    el,
    of(lanes) {
      const names = lanes.map(({ name, title }) => `${name}|${title}`).join("||");
      if (names !== known) {
        known = names;
        radio = choice({
          legend: "Lane",
          options: lanes.map(({ name, title }) => [name, title]),
          onChange: (name) => {
            chosen = name;
            onChange();
          },
        });
        el.replaceChildren(...(lanes.length > 1 ? [radio.el] : []));
      }
      const lane = lanes.find(({ name }) => name === chosen) ?? lanes[0];
      radio?.set(lane?.name);
      return lane;
    },
  };
}

/* The words of a completion, one a token; special tokens by name. */
export function labels({ tokens, words }) {
  if (!tokens) return words;
  let at = 0;
  return Array.from(tokens, (id) => (id > 2 ? words[at++] : ["<pad>", "end", "<unk>"][id]));
}

export const batchScale = (count, size, wide) => linearScale([0, batchEnd(count)], [0, size.width], wide ? 5 : 3);
export const short = (value) => (Number.isFinite(value) ? number(value) : "–");
export const hundredth = (value) => (Number.isFinite(value) ? value.toFixed(2) : "–");
export const idle = (text) => h("p", { class: "pv-idle", text });
