/* The dial drawn: twenty places, the moves as arrows from place to place, the answer in its colour. */

import { Dial } from "../../engine/js/tasks.js";
import { drawing, join, textsAt } from "../parts/plot.js";

const SIZE = 300,
  FAR = 122, // from the middle to a place
  PLACES = 20;
export const TASK = new Dial();

const placeAt = (place, far = FAR) => {
  const turn = (2 * Math.PI * place) / PLACES;
  return [SIZE / 2 + far * Math.sin(turn), SIZE / 2 - far * Math.cos(turn)];
};

/* The places that an answer goes through, from the start to where it says the dial stops, each with the move that leads there
   if it wrote one place a move; null: it says no place. */
export function wayOf(prompt, words) {
  const said = words.filter((word) => /^\d+$/.test(word)).map(Number),
    start = Number(prompt.words[0]);
  if (words.at(-2) !== "so" || !said.length || said.some((place) => place >= PLACES)) return null;
  const written = said.slice(0, -1),
    stops = written.at(-1) === said.at(-1) ? written : [...written, said.at(-1)],
    told = stops.length === prompt.moves.length;
  return { start, stops: stops.map((place, i) => ({ place, move: told ? shown(prompt.moves[i]) : "" })) };
}
const shown = (move) => ({ sq: "square" })[move] ?? move.replace("x", "×").replace("-", "−");

/* A move from place to place, bent towards the middle, from rim to rim, with a head. */
/** @type {(from: number, to: number, rim: number) => any} */
function arrow(from, to, rim) {
  /** @type {(point: number[], goal: number[], far: number) => number[]} */
  const toward = ([x, y], [u, v], far) => {
    const long = Math.hypot(u - x, v - y) || 1;
    return [x + (far * (u - x)) / long, y + (far * (v - y)) / long];
  };
  const [a, b] = [from, to].map((place) => placeAt(place)),
    middle = [0, 1].map((i) => 0.3 * ((a[i] + b[i]) / 2) + 0.7 * (SIZE / 2)),
    begin = toward(a, middle, rim),
    tip = toward(b, middle, rim + 1),
    neck = toward(tip, middle, 9),
    [dx, dy] = [(tip[1] - neck[1]) / 2, (neck[0] - tip[0]) / 2],
    at = (point) => point.map((x) => x.toFixed(1)).join(",");
  return {
    line: `M${at(begin)}Q${at(middle)} ${at(neck)}`,
    head: `M${at(tip)}L${at([neck[0] + dx, neck[1] + dy])}L${at([neck[0] - dx, neck[1] - dy])}Z`,
    x: (begin[0] + 2 * middle[0] + tip[0]) / 4,
    y: (begin[1] + 2 * middle[1] + tip[1]) / 4 + 5,
  };
}

/* `right` is null where nothing is answered yet. Small, it names the first place and the last; tiny, none. */
export function ring() {
  const picture = drawing(),
    layers = ["lines", "heads", "places", "numbers", "moves"].map((name) =>
      picture.svg.append("g").attr("class", name),
    ),
    [lines, heads, places, numbers, moves] = layers;
  picture.svg.attr("viewBox", `0 0 ${SIZE} ${SIZE}`);
  return {
    node: picture.node,
    show(prompt, words, right, size = "") {
      const small = size !== "",
        rim = small ? 25 : 17,
        way = wayOf(prompt, words),
        stops = way?.stops ?? [],
        start = Number(prompt.words[0]),
        end = stops.at(-1)?.place,
        visited = [start, ...stops.map(({ place }) => place)],
        kind = (place) => (place === end ? "end" : visited.includes(place) ? "on" : "off");
      picture.svg.attr("class", `dial ${size}`);
      picture.node.dataset.right = right === null ? "" : right ? "yes" : "no";
      const all = Array.from({ length: PLACES }, (_, place) => {
        const [x, y] = placeAt(place);
        return { place, x, y, kind: kind(place) };
      });
      join(places, "circle", all, {
        class: (one) => one.kind,
        cx: (one) => one.x.toFixed(1),
        cy: (one) => one.y.toFixed(1),
        r: (one) => (one.kind === "off" ? (small ? 6 : 12) : rim - 1),
      });
      textsAt(
        numbers,
        "text",
        all
          .filter((one) => !small || (size === "small" && (one.kind === "end" || one.place === start)))
          .map((one) => ({ ...one, text: String(one.place), y: one.y + (small ? 9 : 5), anchor: "middle" })),
        { class: (one) => one.kind },
      );
      const steps = stops
        .map(({ place, move }, i) => ({ from: visited[i], to: place, move }))
        .filter(({ from, to }) => from !== to)
        .map((one) => ({ ...one, ...arrow(one.from, one.to, rim) }));
      join(lines, "path", steps, { d: (one) => one.line });
      join(heads, "path", steps, { d: (one) => one.head });
      textsAt(moves, "text", small ? [] : steps.map((one) => ({ ...one, text: one.move, anchor: "middle" })));
    },
  };
}
