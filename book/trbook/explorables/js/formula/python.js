/* A formula for the gradient weight as a method of trlib: the file that `trlib train --method mine.py:Mine` takes.

   Every part of the tree is written as { code, binds, kind }: kind "number" for what is the same for all tokens (plain
   Python), "tensor" or "truth" (a tensor of booleans) for the rest. `binds` is how strongly its outermost operator
   holds together, so that brackets stand only where they are needed. */

import { parse } from "../../engine/js/formula.js";

const ATOM = 9,
  POWER = 8,
  SIGN = 7,
  PRODUCT = 6,
  SUM = 5,
  LOOSE = 0;
/* Words of Python, and names that a method has already. */
const TAKEN = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except finally for from " +
    "global if import in is lambda nonlocal not or pass raise return try while with yield advantage aggregation correction anchor " +
    "settings_for needs plan prepare corrected objective loss update weight label"
  ).split(" "),
);

/* What a constant is called in the file: its own name, with an underscore where Python has that name already. */
const fieldOf = (name) => (TAKEN.has(name) ? `${name}_` : name);

const made = (code, kind, binds = ATOM) => ({ code, kind, binds });
const within = ({ code, binds }, least) => (binds < least ? `(${code})` : code);
const isNumber = ({ kind }) => kind === "number";
/* As something that arithmetic may be done with: torch refuses to subtract truths. */
const counted = (one) => (one.kind === "truth" ? made(`${within(one, ATOM)}.to(r.dtype)`, "tensor") : one);
const truth = (one) =>
  one.kind === "truth" ? one : made(`${within(one, PRODUCT)} != 0`, isNumber(one) ? "number" : "truth", LOOSE);
const tensor = (one) => (isNumber(one) ? `torch.full_like(r, ${one.code})` : within(one, LOOSE));
const call = (name, ...args) => `${name}(${args.map(({ code }) => code).join(", ")})`;

/* Whether a part may overflow or be no number: only then does "0 times anything is 0" need a function. */
const wild = (node) => "apply" in node && (["exp", "log", "sqrt", "/", "^"].includes(node.apply) || node.of.some(wild));

const mayVanish = (node) => !("number" in node) || node.number === 0;

const ARITHMETIC = { "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT };
const COMPARISONS = ["<", "<=", ">", ">=", "==", "!="];

export function expression(node) {
  if ("number" in node) return made(node.text, "number");
  if ("variable" in node) return made(node.variable, "tensor");
  if ("constant" in node) return made(`self.${fieldOf(node.constant)}`, "number");
  const { apply, of } = node,
    parts = of.map(expression);
  if (apply in ARITHMETIC) return arithmetic(apply, of, parts);
  if (COMPARISONS.includes(apply)) return compared(apply, parts.map(counted));
  if (apply === "and" || apply === "or") return joined(apply, parts.map(truth));
  return (parts.every(isNumber) ? ofNumbers : ofTensors)[apply](...parts);
}

function arithmetic(sign, [left, right], parts) {
  const kind = parts.every(isNumber) ? "number" : "tensor",
    binds = ARITHMETIC[sign];
  const guarded =
    kind === "tensor" &&
    (sign === "*"
      ? (mayVanish(left) && wild(right)) || (wild(left) && mayVanish(right))
      : sign === "/" && mayVanish(left) && mayVanish(right));
  if (guarded) return made(call(sign === "*" ? "times" : "over", ...parts.map(counted)), kind);
  // A truth may stand in a product beside a tensor of numbers; everything else wants numbers.
  const beside = sign === "*" && parts.some((one) => one.kind === "tensor"),
    [a, b] = beside ? parts : parts.map(counted);
  return made(`${within(a, binds)} ${sign} ${within(b, binds + 1)}`, kind, binds);
}

function compared(sign, [a, b]) {
  const numbers = isNumber(a) && isNumber(b);
  return made(`${within(a, SUM)} ${sign} ${within(b, SUM)}`, numbers ? "number" : "truth", LOOSE);
}

function joined(word, parts) {
  if (parts.every(isNumber)) return made(parts.map((one) => within(one, ATOM)).join(` ${word} `), "number", LOOSE);
  return made(parts.map((one) => within(one, ATOM)).join(word === "and" ? " & " : " | "), "truth", LOOSE);
}

const choose = (test, yes, no) => made(`torch.where(${test}, ${yes}, ${no})`, "tensor");
/* The least or the largest of several: numbers first, then one tensor after the other. */
function extreme(name, parts) {
  const numbers = parts.filter(isNumber),
    [first, ...rest] = parts.filter((one) => !isNumber(one)).map(counted);
  const pair = (a, b) => `torch.${name === "min" ? "minimum" : "maximum"}(${a}, ${b})`;
  const code = rest.reduce((so, one) => pair(so, one.code), first.code),
    side = name === "min" ? "max" : "min";
  if (!numbers.length) return made(code, "tensor");
  const bound = numbers.length > 1 ? call(name, ...numbers) : numbers[0].code;
  return made(`${rest.length ? code : within(first, ATOM)}.clamp(${side}=${bound})`, "tensor");
}

const onNumber =
  (name) =>
  (...parts) =>
    made(call(name, ...parts), "number");
const ofNumbers = {
  negative: (a) => made(`-${within(a, SIGN)}`, "number", SIGN),
  not: (a) => made(`not ${within(a, ATOM)}`, "number", LOOSE),
  "^": onNumber("math.pow"),
  min: onNumber("min"),
  max: onNumber("max"),
  abs: onNumber("abs"),
  exp: onNumber("math.exp"),
  log: onNumber("math.log"),
  sqrt: onNumber("math.sqrt"),
  tanh: onNumber("math.tanh"),
  clip: (x, low, high) => made(`min(${high.code}, max(${low.code}, ${x.code}))`, "number"),
  sign: (a) => made(`(${within(a, ATOM)} > 0) - (${within(a, ATOM)} < 0)`, "number", SUM),
  sigmoid: (a) => made(`1 / (1 + math.exp(-${within(a, SIGN)}))`, "number", PRODUCT),
  where: (test, yes, no) =>
    made(`${within(yes, SUM)} if ${within(test, SUM)} else ${within(no, SUM)}`, "number", LOOSE),
};

const onTensor = (name) => (a) => made(`${within(counted(a), ATOM)}.${name}()`, "tensor");
const ofTensors = {
  negative: (a) => made(`-${within(counted(a), SIGN)}`, "tensor", SIGN),
  not: (a) => made(`~${within(truth(a), ATOM)}`, "truth", SIGN),
  "^": (a, b) => made(`${within(counted(a), ATOM)} ** ${within(counted(b), SIGN)}`, "tensor", POWER),
  min: (...parts) => extreme("min", parts),
  max: (...parts) => extreme("max", parts),
  clip: (x, low, high) =>
    extreme("min", [
      extreme("max", [x, low].some((one) => !isNumber(one)) ? [x, low] : [made(tensor(x), "tensor"), low]),
      high,
    ]),
  where: (test, yes, no) => {
    if (!isNumber(test) && yes.kind === "truth" && no.kind === "truth")
      return made(choose(truth(test).code, yes.code, no.code).code, "truth");
    const [one, other] = [yes, no].map(counted);
    if (isNumber(test))
      return made(
        `${within(one, SUM)} if ${within(test, SUM)} else ${within(other, SUM)}`,
        isNumber(one) && isNumber(other) ? "number" : "tensor",
        LOOSE,
      );
    return choose(truth(test).code, isNumber(other) ? tensor(one) : one.code, other.code);
  },
  ...Object.fromEntries(["abs", "sign", "exp", "log", "sqrt", "tanh", "sigmoid"].map((name) => [name, onTensor(name)])),
};

const HELPERS = {
  times: `def times(a, b):
    """a b; nothing times anything is nothing, even where the other overflows."""
    return torch.where((torch.as_tensor(a) == 0) | (torch.as_tensor(b) == 0), 0.0, a * b)
`,
  over: `def over(a, b):
    """a / b; nothing over anything is nothing."""
    return torch.where(torch.as_tensor(a) == 0, 0.0, a / b)
`,
};

const literal = (value) =>
  Number.isInteger(value) && Math.abs(value) < 1e15 ? `${value}.0` : String(value).replace("e+", "e");

/* The lines before `return` that define what the formula uses. */
const DEFINED = [
  ["A", "A = batch.advantages"],
  ["p", "p = scores.logp.detach().exp().where(batch.mask, 1.0)"],
  ["q", "q = batch.logp_anchor.exp().where(batch.mask, 1.0)"],
  ["n", "n = batch.mask.sum(-1, keepdim=True).to(r.dtype).expand_as(r)"],
  [
    "s",
    "s = (l.sum(-1, keepdim=True) / batch.mask.sum(-1, keepdim=True).clamp(min=1)).clamp(max=10).exp().expand_as(r)",
  ],
  ["t", "t = torch.arange(r.shape[-1], device=r.device).to(r.dtype).expand_as(r)"],
];

function variablesIn(node, found = new Set()) {
  if ("variable" in node) found.add(node.variable);
  for (const one of node.of ?? []) variablesIn(one, found);
  return found;
}

/* mine.py. lane: { formula, constants, advantage, aggregation }; run: words after `trlib train --method mine.py:Mine`. */
export function fileOf({ formula, constants, advantage, aggregation }, run = "") {
  const { tree, constants: names } = parse(formula),
    w = expression(tree),
    used = variablesIn(tree).add("A");
  const code = isNumber(w) ? `torch.full_like(r, ${w.code})` : counted(w).code;
  const helpers = Object.entries(HELPERS)
    .filter(([name]) => code.includes(`${name}(`))
    .map(([, text]) => `\n\n${text}`)
    .join("");
  const fields = names.map((name) => `    ${fieldOf(name)}: float = ${literal(constants[name])}\n`).join("");
  const lines = DEFINED.filter(([name]) => used.has(name))
    .map(([, line]) => `        ${line}\n`)
    .join("");
  return `r"""A trust region of my own: w = ${formula.trim().replaceAll(/\s+/g, " ")}

trlib train --method mine.py:Mine${run}
"""

${code.includes("math.") ? "import math\n" : ""}from dataclasses import dataclass

import torch

from trlib.algorithms import Method, TokenLoss
${helpers}

@dataclass(frozen=True, kw_only=True)
class Mine(Method):
${fields}    advantage: str = "${advantage}"
    aggregation: str = "${aggregation}"

    def objective(self, scores, batch):
        l = (scores.logp.detach() - batch.logp_anchor).where(batch.mask, 0.0)
        r = l.exp()
${lines}        w = ${code}
        w = w.where(batch.mask, 0.0)
        kept = ((w != 0) | (A == 0)) & batch.mask
        return TokenLoss(-w * scores.logp, {"ratio": r, "kept": kept, "weight": w})
`;
}
