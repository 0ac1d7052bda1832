/* The batch as text, one prompt at a time: a chip for each token, struck out where it is silenced and underlined where
   its weight is not r A; and bars of what is silenced, by the probability at which it was sampled. */

import { drawing, nearest, number, probability, put, wide, join } from "../parts/common.js";

const PITCH = 18,
  TALL = 17,
  TOP = 58,
  SIZE = 12,
  BAR = 15,
  FEW = 10, // completions of an opener
  ROOM = 330; // narrower than that there are no bars
export const FATES = { kept: "kept", silenced: "clipped", scaled: "weight scaled", none: "A = 0" };
const NAMES = ["q < 0.01", "0.01 to 0.1", "0.1 to 0.5", "0.5 to 0.9", "q ≥ 0.9"];
const chipWidth = (text) => Math.max(22, wide(text, SIZE, 0.58) + 10);

/* Where the chips of a prompt stand: right completions first. */
export function layout(batch, prompt, width, most = Infinity) {
  const rows = batch.completions
    .map((one, i) => ({ ...one, i }))
    .filter((one) => one.prompt === prompt)
    .sort((a, b) => b.reward - a.reward || a.i - b.i)
    .slice(0, most);
  const chips = [],
    marks = [];
  let y = TOP;
  for (const row of rows) {
    let x = 20;
    marks.push({ y, advantage: row.advantage });
    for (let i = row.from; i < row.to; i++) {
      const w = chipWidth(batch.words[i]);
      if (x + w > width - 2) {
        x = 34;
        y += PITCH;
      }
      chips.push({ i, x, y, w, text: batch.words[i] });
      x += w + 3;
    }
    y += PITCH;
  }
  return { chips, marks, bottom: y };
}

const heights = new WeakMap();
function tallest(batch, width, most) {
  const known = heights.get(batch) ?? heights.set(batch, new Map()).get(batch),
    key = `${width} ${most}`;
  if (!known.has(key))
    known.set(key, Math.max(...batch.prompts.map((_, prompt) => layout(batch, prompt, width, most).bottom)));
  return known.get(key);
}

export const reading = (word, one) =>
  `“${word}”: q ${probability(one.q)} → p ${probability(one.p)}, r ${number(one.ratio)}, TV ${number(one.tv)}, w ${number(one.weight)}, ${FATES[one.fate]}`;

/* `bare`: some completions alone, without the counts below them. */
export function board(open, bare = false) {
  const most = bare ? FEW : Infinity,
    picture = drawing(),
    svg = picture.svg,
    larger = (width) => (!bare ? 1 : width < 400 ? 1.1 : 1.3);
  const legend = svg.append("g"),
    head = svg.append("text").attr("class", "prompt"),
    rows = svg.append("g"),
    tip = svg.append("text").attr("class", "tip");
  const bins = svg.append("g").attr("class", "bins"),
    title = bins.append("text").attr("class", "title"),
    bars = bins.append("g");
  let placed = { chips: [] },
    seen = null,
    hovered = -1;
  const told = () => {
    const text =
      hovered < 0 || !seen
        ? "Point at a token to read it here; click or tap to keep it."
        : reading(seen.batch.words[hovered], seen.judged[hovered]);
    if (tip.text() !== text) tip.text(text);
  };
  const under = (x, y) =>
    placed.chips.find((chip) => x >= chip.x && x <= chip.x + chip.w && y >= chip.y - 2 && y <= chip.y + TALL + 2)?.i ??
    -1;
  svg
    .on("pointermove", (event) => {
      const box = picture.node.getBoundingClientRect();
      hovered = event.pointerType === "touch" ? -1 : under(event.clientX - box.left, event.clientY - box.top);
      told();
    })
    .on("pointerleave", () => {
      hovered = -1;
      told();
    });
  const centre = (chip) => ({ x: chip.x + chip.w / 2, y: chip.y + TALL / 2 });
  const far = (chip, { x, y }) => Math.hypot(Math.max(0, chip.x - x, x - chip.x - chip.w), 3 * (centre(chip).y - y));
  const chipAt = (x, y) => nearest(placed.chips, { x, y }, far);
  return {
    node: picture.node,
    height: (width, state, data) =>
      larger(width) * tallest(open(data), width / larger(width), most) +
      (bare || width < ROOM ? 0 : 44 + NAMES.length * BAR),
    tokenAt: (x, y) => placed.chips[chipAt(x, y)].i,
    placeOf: (token) => centre(placed.chips.find((chip) => chip.i === token)),
    /* The neighbour of a place, along the text or a line up or down; with Shift to the line's end or four lines on. */
    next({ x, y }, [dx, dy], much) {
      const at = chipAt(x, y);
      if (dy) return centre(placed.chips[chipAt(x, placed.chips[at].y + TALL / 2 + dy * PITCH * (much ? 4 : 1))]);
      const line = placed.chips.filter((chip) => chip.y === placed.chips[at].y);
      return centre(
        much
          ? line[dx > 0 ? line.length - 1 : 0]
          : placed.chips[Math.min(placed.chips.length - 1, Math.max(0, at + dx))],
      );
    },
    draw(s, found, { width, height }) {
      const { batch, judged, counts } = found,
        prompt = batch.completions[batch.of[s.token]].prompt;
      seen = found;
      picture.size(width, height);
      if (bare) svg.attr("viewBox", `0 0 ${width / larger(width)} ${height / larger(width)}`);
      placed = layout(batch, prompt, width / larger(width), most);
      let x = 0;
      const samples = Object.entries(FATES)
        .slice(0, bare ? 2 : 4)
        .map(([fate, text]) => {
          const chip = { fate, text, x, y: 4, w: chipWidth(text), i: -1 };
          x += chip.w + 8;
          return chip;
        });
      chipsOf(legend, samples, (chip) => chip.fate, -1);
      put(head, { x: 0, y: 48, text: `${prompt + 1} of ${batch.prompts.length}:  ${batch.prompts[prompt]}` });
      chipsOf(rows, placed.chips, (chip) => judged[chip.i].fate, s.token);
      join(rows, "text.way", placed.marks, {
        x: 2,
        y: (mark) => mark.y + 15,
        text: ({ advantage }) => (advantage > 0 ? "↑" : advantage < 0 ? "↓" : "·"),
      });
      const under_ = tallest(batch, width, most);
      for (const part of [tip, bins]) part.attr("display", bare || width < ROOM ? "none" : null);
      tip.attr("x", 0).attr("y", under_ + 10);
      told();
      put(title, { x: 0, y: under_ + 34, text: "clipped in the whole batch, by q" });
      drawBars(bars, counts.bins, under_ + 44, width);
    },
  };
}

function chipsOf(group, chips, fate, held) {
  const kind = (chip) => `${fate(chip)}${chip.i >= 0 && chip.i === held ? " held" : ""}`;
  join(group, "rect.chip", chips, {
    class: (chip) => `chip ${kind(chip)}`,
    x: (chip) => chip.x + 0.5,
    y: (chip) => chip.y + 0.5,
    width: (chip) => chip.w - 1,
    height: TALL - 1,
    rx: 5,
  });
  join(group, "text.word", chips, {
    class: (chip) => `word ${kind(chip)}`,
    "text-anchor": "middle",
    x: (chip) => chip.x + chip.w / 2,
    y: (chip) => chip.y + 13.5,
    text: (chip) => chip.text,
  });
  join(group, "path.stroke", chips, {
    class: (chip) => `stroke ${fate(chip)}`,
    d: (chip) =>
      ({
        silenced: `M${chip.x + 3},${chip.y + 9.5}h${chip.w - 6}`,
        scaled: `M${chip.x + 4},${chip.y + TALL - 3.5}h${chip.w - 8}`,
      })[fate(chip)] ?? "",
  });
}

/* A row for each bin: how much of it is silenced, and scaled, and the counts of tokens pushed up and down. */
function drawBars(group, bins, top, width) {
  const left = 78,
    long = Math.max(30, width - left - 158);
  const rows = bins.map((bin, i) => {
    const share = (kind) => (bin.up[kind] + bin.down[kind]) / Math.max(1, bin.up.all + bin.down.all);
    const of = (side, way) => `${way} ${side.silenced} of ${side.all}`;
    return {
      y: top + i * BAR,
      name: NAMES[i],
      silenced: share("silenced"),
      scaled: share("scaled"),
      says: `${of(bin.up, "↑")}   ${of(bin.down, "↓")}`,
    };
  });
  join(group, "rect.whole", rows, {
    x: left,
    y: (row) => row.y + 3,
    width: long,
    height: 13,
  });
  join(group, "rect.part", rows, {
    x: left,
    y: (row) => row.y + 3,
    width: (row) => long * row.silenced,
    height: 13,
  });
  join(group, "path.part.scaled", rows, {
    d: (row) => (row.scaled ? `M${left + long * row.silenced},${row.y + 13.5}h${long * row.scaled}` : ""),
  });
  join(group, "text.bin", rows, { x: 0, y: (row) => row.y + 14, text: (row) => row.name });
  join(group, "text.says", rows, { x: width - 150, y: (row) => row.y + 14, text: (row) => row.says });
}
