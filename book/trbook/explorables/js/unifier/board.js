/* Two pictures of one bandit: each arm's old and new probability, and its ratio against its reward. */

import { bareScale, clamp, drawing, join, linearScale, number, probability, setting, stroke } from "../parts/common.js";
import { LOOKS } from "./looks.js";

const MARGIN = { left: 34, right: 12, top: 26, bottom: 8 },
  MOST = 8;
const HEIGHTS = { bars: 184, shape: 156 };
const nice = (value, steps) => steps.find((step) => step >= value) ?? steps.at(-1);

export function board() {
  const picture = drawing(),
    [bars, shape] = [picture.panel(), picture.panel()];
  const olds = bars.inside.append("g").attr("class", "olds"),
    news = bars.inside.append("g").attr("class", "news"),
    rings = bars.inside.append("g"),
    labels = bars.inside.append("g"),
    above = bars.inside.append("g");
  const one = shape.inside.append("path").attr("class", "rule"),
    levels = shape.inside.append("path").attr("class", "levels"),
    curve = shape.clipped.append("path").attr("class", "line"),
    dots = shape.inside.append("g");
  const shown = {
    node: picture.node,
    height: () => HEIGHTS.bars + HEIGHTS.shape,
    draw(s, reading, { width, height }) {
      picture.size(width, height);
      const { pi, ratio } = reading.chosen,
        hue = LOOKS[s.distance].hue,
        n = s.old.length;
      const middle = bars.place({ width, height: HEIGHTS.bars, margin: { ...MARGIN, bottom: 54 } });
      const slot = middle.width / n,
        at = (i) => (i + 0.5) * slot;
      const most = nice(1.02 * Math.max(...s.old, ...pi), [0.4, 0.6, 0.8, 1]),
        tall = linearScale([0, most], [middle.height, 0], 4);
      bars.scales(bareScale(middle.width), tall);
      bars.titles("", "probability: old (outlined), new (filled)");
      const wide = Math.min(26, slot * 0.36),
        bar = (share, x) =>
          `M${x.toFixed(1)},${middle.height}V${tall(share).toFixed(1)}h${wide.toFixed(1)}V${middle.height}`;
      join(olds, "path", s.old, { d: (share, i) => bar(share, at(i) - wide - 1) });
      join(news, "path", pi, { d: (share, i) => `${bar(share, at(i) + 1)}Z`, style: { fill: hue } });
      join(rings, "circle.ring", s.old, { r: 5.5, cx: (_, i) => at(i) - wide / 2 - 1, cy: tall });
      join(above, "text.small.shares.halo", pi, {
        "text-anchor": "middle",
        x: (_, i) => at(i) + 1 + wide / 2,
        y: (share) => tall(share) - 5,
        style: { fill: hue },
        text: (share) => (share < 1e-9 ? "0" : probability(share)),
      });
      const lines = [
        ...pi.map((_, i) => ({ i, y: 17, c: "arm", text: slot < 44 ? String(i) : `arm ${i}` })),
        ...s.rewards.map((R, i) => ({ i, y: 33, c: "small", text: `R ${setting(Number(R.toFixed(2)))}` })),
        ...ratio.map((r, i) => ({ i, y: 47, c: "small", text: `r ${number(r)}` })),
      ];
      join(labels, "text", lines, {
        class: (d) => d.c,
        "text-anchor": "middle",
        x: (d) => at(d.i),
        y: (d) => middle.height + d.y,
        text: (d) => d.text,
      });
      const low = shape.place({ top: HEIGHTS.bars, width, height: HEIGHTS.shape, margin: { ...MARGIN, bottom: 40 } });
      const points = drawShape(s, reading.chosen, hue, low);
      Object.assign(shown, {
        rewardAt: (x) => clamp((x - low.left) / low.width, 0, 1),
        shareAt: (y) => clamp(tall.invert(y - middle.top), 0, 1),
        dot: (i) => ({ x: low.left + points[i].x, y: low.top + points[i].y }),
        ring: (i) => ({ x: middle.left + at(i) - wide / 2 - 1, y: middle.top + tall(s.old[i]) }),
      });
    },
  };

  function drawShape(s, { ratio, curve: of, levels: ends }, hue, box) {
    const most = nice(1.06 * Math.max(...ratio), [2, 3, 4, 6, MOST]);
    const x = linearScale([0, 1], [0, box.width], 5),
      y = linearScale([0, most], [box.height, 0], 4);
    shape.scales(x, y);
    shape.titles("reward R", "ratio r = new/old, arm by arm");
    one.attr("d", `M0,${y(1).toFixed(1)}H${box.width}`);
    levels.attr(
      "d",
      ends
        ?.filter((r) => r <= most)
        .map((r) => `M0,${y(r).toFixed(1)}H${box.width}`)
        .join("") || null,
    );
    const line = of && Array.from({ length: 161 }, (_, i) => [x(i / 160), y(clamp(of(i / 160), -1, 2 * most))]);
    curve.style("stroke", hue).attr("d", line ? stroke(line) : null);
    const points = ratio.map((r, i) => ({
      i,
      x: x(s.rewards[i]),
      y: y(Math.min(r, most)),
      over: r > most ? ` r ${number(r)} ↑` : "",
      r,
    }));
    dots
      .selectAll("g")
      .data(points)
      .join((enter) => {
        const made = enter.append("g");
        made.append("circle").attr("r", 9);
        made.append("text").attr("class", "digit").attr("text-anchor", "middle").attr("y", 4);
        made.append("text").attr("class", "small halo").attr("text-anchor", "end").attr("x", -12).attr("y", 4);
        return made;
      })
      .attr("transform", (d) => `translate(${d.x.toFixed(1)},${d.y.toFixed(1)})`)
      .call((all) => {
        all.select("circle").style("fill", hue);
        all.select("text.digit").text((d) => d.i);
        all.select("text.small").text((d) => d.over);
      });
    return points;
  }
  return shown;
}
