/* What the triangle says: every shown distance of the new policy with its radius, and a verdict. No drawing here. */

import { distance, inRow, number, percent, probability, radius, setting, fail, calm } from "../parts/common.js";
import { LOOKS, shownOf } from "./looks.js";
import { holdsAll, reach, region } from "./maths.js";

export function read(s) {
  const regions = shownOf(s)
    .map((key) => ({
      key,
      edge: region(key, s.old, s.delta),
      value: distance[key](s.new, s.old),
      limit: radius(key, s.delta),
      all: holdsAll(key, s.old, s.delta),
    }))
    .map((one) => ({ ...one, inside: one.value <= one.limit * (1 + 1e-9) }));
  const facts = s.old.map((share, token) => [
    `token ${token}: r = ${number(s.new[token] / share)}`,
    `${probability(share)} → ${probability(s.new[token])}`,
  ]);
  return { regions, facts, verdict: verdict(s, regions) };
}

const named = (list) => inRow(list.map(({ key }) => LOOKS[key].name));
const plural = (list, one, many) => (list.length === 1 ? one : many);
const RARE = 0.05,
  FURTHER = 3;

function verdict(s, regions) {
  const everywhere = regions.filter(({ all }) => all);
  if (everywhere.length) {
    return fail(
      `${named(everywhere)} ${plural(everywhere, "contains", "contain")} every policy`,
      `The radius is beyond the simplex: no policy over these tokens is further from the old one, so ${plural(everywhere, "this region", "these regions")} forbid${plural(everywhere, "s", "")} nothing.`,
    );
  }
  return collapsed(s, regions) ?? parted(s, regions) ?? plain(s, regions);
}

/* The ratio box on a rare token, beside the region that lets it rise furthest. */
function collapsed(s, regions) {
  const box = regions.find(({ key }) => key === "ratio"),
    others = regions.filter(({ key }) => key.startsWith("kl") || key === "tv");
  const rare = s.old.indexOf(Math.min(...s.old)),
    least = s.old[rare];
  if (!box || !others.length || least > RARE) return null;
  const [kl] = others,
    near = reach(box.edge, rare),
    far = reach(kl.edge, rare);
  if (far < FURTHER * near) return null;
  const refused = !box.inside && others.every(({ inside }) => inside);
  return fail(
    refused ? "The ratio box refuses a small move" : `The ratio box has collapsed on token ${rare}`,
    `Token ${rare} had an old probability of ${setting(least)}. The box lets it rise to ${probability(near)}, ${LOOKS[kl.key].name} of the same radius to ${probability(far)}, a ratio of ${number(far / least)}.` +
      (refused ? ` This move shifts ${percent(distance.tv(s.new, s.old))} of the probability.` : ""),
  );
}

/* The two directions of KL about one policy. */
function parted(s, regions) {
  const kls = regions.filter(({ key }) => key.startsWith("kl"));
  if (kls.length < 2 || kls[0].inside === kls[1].inside) return null;
  const [inside, outside] = kls[0].inside ? kls : [kls[1], kls[0]];
  const ratios = s.new.map((share, i) => share / s.old[i]),
    low = ratios.indexOf(Math.min(...ratios)),
    high = ratios.indexOf(Math.max(...ratios));
  return calm(
    `${LOOKS[inside.key].name} allows it, ${LOOKS[outside.key].name} does not`,
    outside.key === "kl_old_new"
      ? `Token ${low} has almost gone, r = ${number(ratios[low])}. KL(old‖new) averages log q/p over old samples and grows without end as p falls to 0; KL(new‖old) lets a token go for at most −log(1 − q) = ${number(-Math.log1p(-s.old[low]))} nats.`
      : `Token ${high} has grown, r = ${number(ratios[high])}. KL(new‖old) averages log r over new samples, where this token now is common; KL(old‖new) averages over old ones, where it was rare.`,
  );
}

function plain(s, regions) {
  const inside = regions.filter((one) => one.inside),
    outside = regions.filter((one) => !one.inside);
  const moved = `${percent(distance.tv(s.new, s.old))} of the probability has moved`;
  if (!outside.length)
    return calm(
      `Inside ${plural(inside, named(inside), "all that is shown")}`,
      `${upper(moved)}. Drag the new policy outward and see which region ends first.`,
    );
  if (!inside.length)
    return calm(
      `Outside ${plural(outside, named(outside), "all that is shown")}`,
      `${upper(moved)}. Every region shown forbids this policy.`,
    );
  const far =
    inside.length > 0 && outside.some(({ key }) => key === "wasserstein") && inside.some(({ key }) => key === "tv");
  return calm(
    `${upper(named(inside))} ${plural(inside, "allows", "allow")} it, ${named(outside)} ${plural(outside, "does", "do")} not`,
    far
      ? `${upper(moved)}, and some of it by two places. TV does not ask how far; Wasserstein counts every place.`
      : `${upper(moved)}. |r − 1| is ${number(distance.ratio(s.new, s.old))} at most and ${number(2 * distance.tv(s.new, s.old))} on average: the box bounds the maximum, TV the mean.`,
  );
}

const upper = (text) => text[0].toUpperCase() + text.slice(1);
