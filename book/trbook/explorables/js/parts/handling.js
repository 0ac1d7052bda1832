/* Points on a board that are dragged: by mouse anywhere on the board (the nearest one comes), by finger on the point
   itself or by a tap, by arrow keys (with Shift further). */

import { clamp, nearest } from "../maths/plain.js";
import { h } from "./controls.js";

const STEP = 4,
  FAR = 8; // pixels of an arrow key, and how many times as far with Shift

/* Where a key leads on a scale of whole numbers up to `last`; undefined: the key is none of those. */
export function stepped(key, now, last, page) {
  const ways = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: page, PageDown: -page },
    to = { Home: 0, End: last }[key] ?? now + ways[key];
  return Number.isNaN(to) ? undefined : clamp(to, 0, last);
}

/* A drawing that is read number by number, up to `last`: a slider to whoever hears it. */
export const readable = ({ label, last, more = "" }, node) =>
  h(
    "div",
    {
      class: `plane${more}`,
      tabindex: 0,
      role: "slider",
      "aria-label": label,
      "aria-valuemin": 0,
      "aria-valuemax": last,
      "aria-valuenow": last,
    },
    node,
  );

/* Its pointer and its keys, and the pointer of drawings `beside` it. pointed(event): the number that is pointed at, or
   null; read(number): it is read now, with null none; now(), last(): the one that is read, and the last there is. */
export function reading(plane, { beside = [], page, pointed, read, now, last }) {
  for (const each of [plane, ...beside]) {
    for (const kind of ["pointermove", "pointerdown"]) each.addEventListener(kind, (event) => read(pointed(event)));
    each.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && read(null));
  }
  plane.addEventListener("blur", () => read(null));
  plane.addEventListener("keydown", (event) => {
    const next = stepped(event.key, now() ?? last(), last(), page);
    if (event.key === "Escape") read(null);
    if (next === undefined || last() < 0) return;
    event.preventDefault();
    read(next);
  });
}

export function handling(plane, { set }) {
  let current = [],
    held = null,
    chosen = 0,
    ahead = null; // ahead: where keys have led since the last frame
  const grips = [];
  /** @type {(event: any) => [number, number]} */
  const at = (event) => {
    const box = plane.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const closest = (point) => nearest(current, point, (one, [x, y]) => Math.hypot(one.x - x, one.y - y));
  /** @type {(index: number, x: number, y: number, keyed?: boolean) => void} */
  const move = (index, x, y, keyed = false) => {
    const changes = current[index]?.move(x, y, keyed);
    if (changes) set(changes);
  };
  /* Where an arrow key leads: a few pixels on, or more, where what the point says has steps. */
  const further = (point, { x, y }, [right, lower], shift) => {
    const far = STEP * (shift ? FAR : 1),
      says = (left, top) => JSON.stringify(point.move(left, top, true)),
      before = says(x, y),
      room = Math.max(plane.clientWidth, plane.clientHeight);
    for (let way = far; way < room; way += STEP) {
      const there = { x: x + right * way, y: y + lower * way };
      if (says(there.x, there.y) !== before) return there;
    }
    return { x, y };
  };
  const grip = (index) => {
    const el = h("div", {
      class: "handle",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "point that can be moved",
    });
    el.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!way || !current[index]) return; // what it moved may have gone since the last frame
      event.preventDefault();
      const from = ahead?.index === index ? ahead : current[index];
      ahead = {
        index,
        ...(current[index].next?.(from, way, event.shiftKey) ?? further(current[index], from, way, event.shiftKey)),
      };
      move(index, ahead.x, ahead.y, true);
    });
    plane.append(el);
    return el;
  };
  const over = (event) => grips.findIndex((el, i) => i < current.length && event.composedPath().includes(el));
  const down = (event) => {
    if (event.button !== 0 || !current.length) return;
    const gripped = over(event);
    if (event.pointerType === "touch" && gripped < 0) return;
    held = event.pointerId;
    chosen = gripped < 0 ? closest(at(event)) : gripped;
    plane.setPointerCapture(held);
    if (gripped < 0) move(chosen, ...at(event));
  };
  const drag = (event) => {
    if (held === event.pointerId) move(chosen, ...at(event));
  };
  const drop = () => {
    held = null;
  };
  const tap = (event) => {
    if (event.pointerType === "touch" && current.length && over(event) < 0) move(closest(at(event)), ...at(event));
  };
  const heard = [
    ["pointerdown", down],
    ["pointermove", drag],
    ["pointerup", drop],
    ["pointercancel", drop],
    ["click", tap],
  ];
  for (const [name, listener] of heard) plane.addEventListener(name, listener);
  return {
    place(points) {
      current = points;
      ahead = null;
      while (grips.length < points.length) grips.push(grip(grips.length));
      grips.forEach((el, i) => {
        el.hidden = i >= points.length;
        if (el.hidden) return;
        el.style.left = `${points[i].x}px`;
        el.style.top = `${points[i].y}px`;
        const label = `${points[i].label}${points[i].words ? `: ${points[i].words}` : ""}. Arrow keys move it, with Shift further.`;
        if (el.getAttribute("aria-label") !== label) el.setAttribute("aria-label", label);
      });
    },
    release: () => {
      for (const [name, listener] of heard) plane.removeEventListener(name, listener);
    },
  };
}
