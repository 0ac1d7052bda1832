/* Panels with axes in one drawing. A panel is placed in pixels, given its scales and drawn `inside`, which is clipped
   where asked; titles stand above the axis of y and below the end of the axis of x. */

import { axisBottom, axisLeft } from "d3-axis";
import { select } from "d3-selection";
import { unique } from "./controls.js";

/* D3's join in one call: an element for each datum. what: "path.line", its name and classes; looks: by attribute, a value
   or a function of the datum; besides, `key`, what a datum is known by, `style` by property, and `text`. */
/** @type {(group: any, what: string, data: any[], looks?: Record<string, any>) => any} */
export function join(group, what, data, { key, ...looks } = {}) {
  const [name, ...classes] = what.split("."),
    all = group.selectAll(what).data(data, key).join(name);
  return put(all, classes.length ? { class: classes.join(" "), ...looks } : looks);
}

/* The same looks for what is there already. Only what is not so already is written: what is written is styled, laid out
   and painted anew. */
/** @type {(all: any, looks: Record<string, any>) => any} */
export function put(all, { style = {}, text, ...looks }) {
  const write = (value, known, change) =>
    all.each(function (...given) {
      const next = typeof value === "function" ? value.apply(this, given) : value;
      if (known(this) !== (next ?? null)?.toString()) change(select(this), next);
    });
  for (const [attribute, value] of Object.entries(looks))
    write(
      value,
      (one) => one.getAttribute(attribute) ?? undefined,
      (one, next) => one.attr(attribute, next),
    );
  for (const [property, value] of Object.entries(style))
    write(
      value,
      (one) => one.style.getPropertyValue(property) || undefined,
      (one, next) => one.style(property, next),
    );
  if (text !== undefined)
    write(
      text,
      (one) => one.textContent,
      (one, next) => one.text(next),
    );
  return all;
}

/* Words at places: each datum has `text`, `x`, `y` and, where it does not begin there, `anchor`. */
/** @type {(group: any, what: string, data: any[], looks?: Record<string, any>) => any} */
export const textsAt = (group, what, data, looks = {}) =>
  join(group, what, data, {
    ...looks,
    "text-anchor": (d) => d.anchor,
    x: (d) => d.x,
    y: (d) => d.y,
    text: (d) => d.text,
  });

/* A line for each key in its look, { hue, dash }, and where it stands now a dot. */
export const curves = (group, keys, looks, d) =>
  join(group, "path.line", keys, {
    key: (key) => key,
    stroke: (key) => looks[key].hue,
    "stroke-dasharray": (key) => looks[key].dash || null,
    d,
  });
export const dots = (group, keys, looks, cx, cy) =>
  join(group, "circle.dot", keys, { key: (key) => key, r: 5, cx, cy, style: { fill: (key) => looks[key].hue } });
/* Labels at heights `y`, moved so that none is nearer than `gap` to the next: down from the one above, then up from the
   lowest, which stands at `low` at most. */
export function apart(labels, gap, low) {
  const sorted = labels.sort((a, b) => a.y - b.y);
  for (let i = 1; i < sorted.length; i++) sorted[i].y = Math.max(sorted[i].y, sorted[i - 1].y + gap);
  for (let i = sorted.length - 1, most = low; i >= 0; i--, most -= gap) sorted[i].y = Math.min(sorted[i].y, most);
  return sorted;
}

/* A line across a panel, from the top down to `height`. */
export const upright = (x, height) => `M${x.toFixed(1)},0V${height}`;

const MARGIN = { left: 46, right: 14, top: 24, bottom: 40 };

export function drawing() {
  const svg = select(document.createElementNS("http://www.w3.org/2000/svg", "svg")).attr("aria-hidden", "true");
  return {
    node: svg.node(),
    svg,
    size: (width, height) => svg.attr("width", width).attr("height", height),
    panel: () => panel(svg),
  };
}

export function panel(svg) {
  const g = svg.append("g"),
    clip = unique("trx-clip");
  const window_ = g.append("clipPath").attr("id", clip).append("rect");
  const axes = g.append("g").attr("class", "axis");
  const across = axes.append("g").attr("class", "x-axis"),
    up = axes.append("g").attr("class", "y-axis");
  const yTitle = g.append("text").attr("class", "title"),
    xTitle = g.append("text").attr("class", "title").attr("text-anchor", "end");
  const clipped = g.append("g").attr("clip-path", `url(#${clip})`),
    inside = g.append("g");
  let size = { width: 1, height: 1 };
  return {
    under: () => g.insert("g", ".axis"), // a group below the axes
    axes,
    inside,
    clipped,
    /* The outer box, and its margins where they are not the usual; the inner box, in which scales run, is returned. */
    place({ left = 0, top = 0, width, height, margin: own = {} }) {
      const margin = { ...MARGIN, ...own };
      size = {
        width: Math.max(60, width - margin.left - margin.right),
        height: Math.max(30, height - margin.top - margin.bottom),
      };
      g.attr("transform", `translate(${left + margin.left},${top + margin.top})`);
      window_.attr("width", size.width).attr("height", size.height);
      xTitle.attr("x", size.width).attr("y", size.height + 35);
      yTitle.attr("x", -margin.left + 2).attr("y", -10);
      return { ...size, left: left + margin.left, top: top + margin.top };
    },
    scales(x, y) {
      across
        .attr("transform", `translate(0,${size.height})`)
        .call(axisBottom(x).tickSizeOuter(0).tickSize(-size.height).tickPadding(7));
      up.call(axisLeft(y).tickSizeOuter(0).tickSize(-size.width).tickPadding(6));
    },
    titles(x, y) {
      xTitle.text(x);
      yTitle.text(y);
    },
  };
}
