/* The race of the opening words: how many completions begin with each, batch by batch. Careful words, which announce
   that every place will be written, are drawn in the lane's colour; the others grey and dashed. */

import { apart, linearScale, join } from "../../parts/common.js";
import { CAREFUL } from "../../../engine/js/tasks.js";
import { smoothed } from "./series.js";
import { above, batchEnd, batchScale, cells, hundredth, idle, paths, pathOf, stamped } from "./shared.js";

export const title = "Opening words";
export const about =
  "Share of the completions that begin with a word, means of ten batches. In colour: careful words, after which every step is written; grey and dashed: the others.";

const HEIGHT = 190,
  TOP = 5,
  ROOM = 108,
  GAP = 13;
const careful = new Set(CAREFUL);

export function create(root, { changed }) {
  const waiting = idle("Nothing here yet: the race begins with the first batch."),
    known = new WeakMap();
  root.append(waiting);
  const parts = cells(root, HEIGHT, changed);

  /* Shares by word, batch by batch of a segment: what has been counted stays counted. */
  const counted = (segment) => {
    const { rows } = segment;
    if (!known.has(rows[0])) known.set(rows[0], { count: 0, shares: new Map(), careful: [] });
    const own = known.get(rows[0]);
    for (; own.count < rows.length; own.count++) {
      let together = 0;
      for (const [word, share] of Object.entries(rows[own.count].openers ?? {})) {
        if (!own.shares.has(word)) own.shares.set(word, []);
        own.shares.get(word)[own.count] = share;
        if (careful.has(word)) together += share;
      }
      own.careful.push(together);
    }
    return { ...own, segment };
  };

  /* A cell is named after the newest segment that has batches. */
  function draw(lanes) {
    const some = lanes
        .filter(({ count }) => count)
        .map((lane) => {
          const segments = lane.segments.filter(({ rows }) => rows.length);
          return { ...lane, segments, title: segments.at(-1).title };
        }),
      most = Math.max(1, ...some.map(({ count }) => count));
    waiting.hidden = some.length > 0;
    parts.each(some, (cell, lane) => race(cell, lane, lane.segments.map(counted), most), {
      margin: { left: 34, right: ROOM },
    });
  }

  return { draw, free: parts.release };
}

function race(cell, lane, all, most) {
  const { width, height } = cell.size,
    newest = all.at(-1),
    known = [...careful].some((word) => all.some(({ shares }) => shares.has(word)));
  const top = [...newest.shares]
    .map(([word, row]) => [word, recent(row, newest.count)])
    .sort((a, b) => b[1] - a[1])
    .slice(0, TOP);
  const lines = all.flatMap(({ segment, shares, count }) =>
    top.map(([word]) => ({
      word,
      segment,
      key: `${segment.key} ${word}`,
      row: smoothed(Array.from({ length: count }, (_, k) => shares.get(word)?.[k] ?? 0)),
    })),
  );
  const high = above(lines.reduce((best, { row }) => row.reduce((a, b) => Math.max(a, b), best), 0.1));
  const x = batchScale(most, cell.size, false),
    y = linearScale([0, high], [height, 0], 4);
  cell.panel.axes(`${batchEnd(most)} ${high} ${cell.width}`, x, y);
  cell.lines ??= paths(cell.panel.clipped, "pv-line pv-word");
  cell.words ??= cell.panel.inside.append("g");
  for (const { key, word, segment, row } of lines) {
    const own = careful.has(word) || !known;
    stamped(cell.lines.of(key), segment, {
      stroke: own ? lane.colour : "var(--soft)",
      "stroke-dasharray": own ? null : "3 3",
      d: pathOf(row, (i) => x(segment.from + i), y),
    });
  }
  cell.lines.keep(lines.map(({ key }) => key));
  name(
    cell.words,
    apart(
      top.map(([word, share]) => ({ word, share, y: y(share) })),
      GAP,
      height,
    ),
    width,
    known,
  );
  const { careful: together, segment } = newest,
    since = segment.from ? `since batch ${segment.from + 1}; ` : "";
  cell.note.textContent = known
    ? `${since}all careful words: ${hundredth(together[0])} at first, now ${hundredth(smoothed(together).at(-1))}`
    : since.slice(0, -2);
}

/* The mean share of the last ten batches. */
function recent(row, count) {
  let total = 0;
  const from = Math.max(0, count - 10);
  for (let k = from; k < count; k++) total += row[k] ?? 0;
  return total / (count - from);
}

function name(group, labels, left, known) {
  join(group, "text", labels, {
    class: ({ word }) => (known && careful.has(word) ? "pv-word pv-careful" : "pv-word"),
    x: left + 6,
    y: ({ y }) => (y + 4).toFixed(1),
    text: ({ word, share }) => `${word} ${hundredth(share)}`,
  });
}
