/* Regions of policies over three tokens around an old policy q, as closed lists of policies. No drawing here. */

import { distance, mean, radius, risingRoot } from "../maths/distances.js";

export const TRIANGLE = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

/* Two functions of the token with mean 0, variance 1 and covariance 0 under q: every ratio r = p/q is 1 + a e1 + b e2,
   and a² + b² is χ²(p || q). In these coordinates a small KL ball is round wherever q stands. */
export function basis([a, b, c]) {
  const s = a + b;
  return [
    [Math.sqrt(b / (a * s)), -Math.sqrt(a / (b * s)), 0],
    [Math.sqrt(c / s), Math.sqrt(c / s), -Math.sqrt(s / c)],
  ];
}

const AROUND = 160,
  NEAR = [0, 0.003, 0.01, 0.03];

/* Directions u of r = 1 + t u, each of variance 1 under q, evenly all around in those coordinates. */
function round(q) {
  const [e1, e2] = basis(q);
  return Array.from({ length: AROUND }, (_, i) =>
    e1.map((x, k) => Math.cos((2 * Math.PI * i) / AROUND) * x + Math.sin((2 * Math.PI * i) / AROUND) * e2[k]),
  );
}

/* The same and evenly all around on the triangle, which differs near a corner, and more towards the tokens and away from
   them, where KL balls have corners and tips. The direction of token k is (e1[k], e2[k]). */
function directions(q) {
  const [e1, e2] = basis(q),
    angles = [],
    turn = (2 * Math.PI) / AROUND;
  for (let i = 0; i < AROUND; i++) {
    const x = Math.cos(i * turn),
      y = Math.sin(i * turn),
      moved = [x - y, 2 * y, -x - y];
    angles.push(wrapped(i * turn), Math.atan2(mean(moved, e2), mean(moved, e1)));
  }
  for (const k of [0, 1, 2]) {
    const toward = Math.atan2(e2[k], e1[k]);
    for (const near of NEAR)
      angles.push(...[near, -near].flatMap((aside) => [wrapped(toward + aside), wrapped(toward + Math.PI + aside)]));
  }
  return angles
    .sort((one, other) => one - other)
    .map((angle) => e1.map((x, k) => Math.cos(angle) * x + Math.sin(angle) * e2[k]));
}
const wrapped = (angle) => angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));

/* KL along r = 1 + t u, and its slope in t. Terms of which none cancels another: r log r - r + 1 and r - 1 - log r. */
const along = {
  kl_new_old: (t, x) => [
    1 + t * x > 0 ? (1 + t * x) * Math.log1p(t * x) - t * x : 1,
    x === 0 ? 0 : x * Math.log1p(Math.max(t * x, -1)),
  ],
  kl_old_new: (t, x) => [t * x - Math.log1p(Math.max(t * x, -1)), (t * x * x) / (1 + t * x)],
};
const measured = (key, q, u) => (t) => {
  let value = 0,
    slope = 0;
  for (let k = 0; k < 3; k++) {
    const [more, steeper] = along[key](t, u[k]);
    value += q[k] * more;
    slope += q[k] * steeper;
  }
  return [value, slope];
};

function klBall(key, q, delta) {
  return directions(q).map((u) => {
    const measure = measured(key, q, u),
      wall = -1 / Math.min(...u);
    const beyond = measure(wall)[0] <= delta;
    const t = beyond
      ? wall
      : risingRoot(
          (x) => {
            const [value, slope] = measure(x);
            return [value - delta, slope];
          },
          0,
          wall,
          Math.min(Math.sqrt(2 * delta), 0.9 * wall),
        );
    return point(
      q,
      u.map((x) => 1 + t * x),
    );
  });
}

/* q r as a policy, exactly on the edge where a ratio is 0 up to rounding. */
const point = (q, r) => q.map((share, i) => (r[i] < 1e-14 ? 0 : share * r[i]));

/* The ellipse of χ², cut at the triangle. */
function chiBall(q, rho) {
  const whole = round(q).map((u) => q.map((share, i) => share * (1 + rho * u[i])));
  return [0, 1, 2].reduce((found, i) => cut(found, (p) => p[i]), whole);
}

/* An ellipse in the logits: log p = log q + rho u, up to a constant. */
function fisherBall(q, rho) {
  return round(q).map((u) => {
    const most = Math.max(...u),
      lifted = q.map((share, i) => share * Math.exp(rho * (u[i] - most)));
    const total = lifted[0] + lifted[1] + lifted[2];
    return lifted.map((share) => share / total);
  });
}

/* The part of a polygon where a linear function of its points is at least 0 (Sutherland and Hodgman). */
export function cut(polygon, inside) {
  const found = [];
  polygon.forEach((p, i) => {
    const before = polygon[(i + polygon.length - 1) % polygon.length],
      now = inside(p),
      then = inside(before);
    if (now >= 0 !== then >= 0) found.push(p.map((x, k) => before[k] + ((x - before[k]) * then) / (then - now)));
    if (now >= 0) found.push(p);
  });
  return found;
}

/* |p_k - q_k| at most `bound(k)` for every token: for three tokens that is TV (the same bound for all) and the box on
   the ratio (a share of q_k). */
const slabs = (q, bound) =>
  [0, 1, 2].reduce(
    (found, k) =>
      cut(
        cut(found, (p) => bound(k) - (p[k] - q[k])),
        (p) => bound(k) + (p[k] - q[k]),
      ),
    TRIANGLE,
  );

/* Tokens on a line: |Δ_0| crosses the first gap, |Δ_2| the second. */
const diamond = (q, bound) =>
  [
    [1, 1],
    [1, -1],
    [-1, 1],
    [-1, -1],
  ].reduce((found, [a, b]) => cut(found, (p) => bound - a * (p[0] - q[0]) - b * (p[2] - q[2])), TRIANGLE);

/* The region of a distance around q, as large as the KL radius delta has it: its edge as policies, in order. */
export function region(key, q, delta) {
  const limit = radius(key, delta);
  if (key === "chi2") return chiBall(q, Math.sqrt(limit));
  if (key === "fisher") return fisherBall(q, Math.sqrt(2 * limit));
  if (key === "tv") return slabs(q, () => limit);
  if (key === "ratio") return slabs(q, (k) => limit * q[k]);
  if (key === "wasserstein") return diamond(q, limit);
  return klBall(key, q, limit);
}

/* Does a region hold every policy? Its distance is convex, so its largest value stands at a corner. */
export const holdsAll = (key, q, delta) =>
  !["kl_old_new", "fisher"].includes(key) && TRIANGLE.every((corner) => distance[key](corner, q) <= radius(key, delta));

/* The largest probability that a token has anywhere in a region. */
export const reach = (edge, token) => Math.max(...edge.map((p) => p[token]));
