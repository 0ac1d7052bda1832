/* A trust region that a reader types: the gradient weight w of one token as a formula, such as A*r*(abs(p - q) < d).

   `parse` reads the text into a tree, `compile` makes a function of the tree, and `valueOf` says what is known of it
   beforehand. Nothing is evaluated as JavaScript: the page's policy forbids `eval`, and a name can reach nothing but
   the eight quantities of VARIABLES and the formula's own constants.

     formula    =  either [ "?" formula ":" formula ]
     either     =  both { ("or" | "||") both }           both  =  negated { ("and" | "&&") negated }
     negated    =  "not" negated | comparison            comparison  =  sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]
     sum        =  product { ("+" | "-") product }       product  =  signed { ("*" | "/") signed }
     signed     =  ("-" | "+" | "!") signed | power      power  =  atom [ ("^" | "**") signed ]
     atom       =  number | name | function "(" formula { "," formula } ")" | "(" formula ")" | "√" atom

   Signs of printed mathematics are read as what they mean (SIGNS, LETTERS): − × · ÷ ≤ ≥ ≠ ² ³ √ and Greek letters.

   A comparison is 1 or 0. Nothing times or over anything is nothing: 0 * x and 0 / x are 0 for every x. */

export const MOST = { characters: 400, depth: 40, constants: 8, letters: 16 };

/* What a formula knows of a token. */
export const VARIABLES = {
  A: "the completion's advantage",
  r: "the token's ratio p/q",
  p: "its probability now",
  q: "its probability when it was sampled",
  l: "the log of r",
  s: "the completion's ratio: exp of the mean of l over its tokens",
  t: "the token's place in its completion, from 0",
  n: "how many tokens the completion has",
};

/* What others call them: a constant of such a name would be another formula than the one that is meant. */
const MEANT = {
  A: ["adv", "advantage", "advantages"],
  r: ["ratio", "ratios", "rho"],
  p: ["pi", "prob", "probs"],
  q: ["mu", "old", "p_old", "pi_old"],
  l: ["logr", "logratio", "log_ratio"],
  n: ["length"],
};

/* Every operator and function: what it makes of one token's numbers. */
const OPERATIONS = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => (a === 0 || b === 0 ? 0 : a * b),
  "/": (a, b) => (a === 0 ? 0 : a / b),
  "^": (a, b) => a ** b,
  "<": (a, b) => (a < b ? 1 : 0),
  "<=": (a, b) => (a <= b ? 1 : 0),
  ">": (a, b) => (a > b ? 1 : 0),
  ">=": (a, b) => (a >= b ? 1 : 0),
  "==": (a, b) => (a === b ? 1 : 0),
  "!=": (a, b) => (a !== b ? 1 : 0),
  negative: (a) => -a,
  not: (a) => (a === 0 ? 1 : 0),
  and: (a, b) => (a !== 0 && b !== 0 ? 1 : 0),
  or: (a, b) => (a !== 0 || b !== 0 ? 1 : 0),
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  clip: (a, b, c) => Math.min(c, Math.max(b, a)),
  where: (a, b, c) => (a !== 0 ? b : c),
  abs: Math.abs,
  sign: Math.sign,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  tanh: Math.tanh,
  sigmoid: (a) => 1 / (1 + Math.exp(-a)),
};
const COMPARISONS = ["<", "<=", ">", ">=", "==", "!="];

/* What may be called, with the least and the most arguments. */
export const FUNCTIONS = {
  min: [2, 8],
  max: [2, 8],
  clip: [3, 3],
  where: [3, 3],
  abs: [1, 1],
  sign: [1, 1],
  exp: [1, 1],
  log: [1, 1],
  sqrt: [1, 1],
  tanh: [1, 1],
  sigmoid: [1, 1],
  mean: [1, 1],
  largest: [1, 1],
  sofar: [1, 1],
  smallest: [1, 1],
};
/* Of a completion: the mean and the largest of its tokens, the sum up to a token, the smallest before it. */
const OF_COMPLETIONS = {
  mean: (x, n, to) => to.fill(x.subarray(0, n).reduce((sum, one) => sum + one, 0) / n, 0, n),
  largest: (x, n, to) => to.fill(Math.max(...x.subarray(0, n)), 0, n),
  sofar: (x, n, to) => x.subarray(0, n).reduce((sum, one, t) => (to[t] = sum + one), 0),
  smallest: (x, n, to) =>
    x.subarray(0, n).reduce((before, one, t) => {
      to[t] = before;
      return Math.min(before, one);
    }, Infinity),
};
const WORDS = { "&&": "and", "||": "or", "**": "^", if: "where" }; // other spellings
const RESERVED = ["and", "or", "not", "if", "else", "w", ...Object.keys(FUNCTIONS)];

/* What is wrong with a formula: at which character (from 0), what stands there and what was expected. */
export class FormulaError extends Error {
  constructor(at, got, expected) {
    super(`Character ${at + 1}: expected ${expected}, got ${got}.`);
    this.name = "FormulaError";
    this.at = at;
    this.got = got;
    this.expected = expected;
  }
}

/* As a page prints them. π is the policy's probability now and μ that of sampling, as in the book's r = π/μ. */
const SIGNS = {
  "−": "-",
  "–": "-",
  "×": "*",
  "·": "*",
  "⋅": "*",
  "∙": "*",
  "÷": "/",
  "≤": "<=",
  "≥": ">=",
  "≠": "!=",
  "²": "^",
  "³": "^",
};
const RAISED = { "²": "2", "³": "3" };
const LETTERS = {
  π: "p",
  μ: "q",
  ε: "eps",
  ϵ: "eps",
  δ: "delta",
  α: "alpha",
  β: "beta",
  γ: "gamma",
  κ: "kappa",
  λ: "lam",
  ρ: "rho",
  σ: "sigma",
  τ: "tau",
};
const TOKEN =
  /(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z][A-Za-z0-9_]*|[πμεϵδαβγκλρστ])|(\*\*|\|\||&&|<=|>=|==|!=|[-+*/^<>()!?:,=−–×·⋅∙÷≤≥≠²³√])/y;
const END = { kind: "end", text: "the end" };
const quoted = ({ kind, text }) => (kind === "end" ? text : `"${text}"`);

function tokensOf(text) {
  if (text.length > MOST.characters)
    throw new FormulaError(MOST.characters, `${text.length}`, `at most ${MOST.characters} characters`);
  const tokens = [];
  for (let at = 0; ;) {
    while (at < text.length && /\s/.test(text[at])) at++;
    if (at >= text.length) return [...tokens, { ...END, at: text.length }];
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (!match)
      throw new FormulaError(
        at,
        `"${String.fromCodePoint(text.codePointAt(at))}"`,
        "a number, a name that begins with a letter from a to z, or an operator",
      );
    const [all, number, name] = match;
    tokens.push({
      kind: number
        ? "number"
        : name && !["and", "or", "not"].includes(name)
          ? "name"
          : (WORDS[all] ?? SIGNS[all] ?? all),
      text: Object.hasOwn(LETTERS, all) ? LETTERS[all] : all,
      at,
    });
    if (Object.hasOwn(RAISED, all)) tokens.push({ kind: "number", text: RAISED[all], at });
    at += all.length;
  }
}

/* { text, tree, constants }: the constants' names in the order in which they appear. Throws a FormulaError. */
export function parse(text) {
  const parser = new Parser(tokensOf(String(text)));
  return {
    text: String(text),
    tree: parser.whole(),
    constants: [...parser.constants],
  };
}

class Parser {
  constructor(tokens) {
    this.tokens = tokens;
    this.place = 0;
    this.depth = 0;
    this.constants = new Set();
  }

  get next() {
    return this.tokens[this.place];
  }

  take(...kinds) {
    return kinds.includes(this.next.kind) ? this.tokens[this.place++] : null;
  }

  refuse(expected, token = this.next) {
    throw new FormulaError(token.at, quoted(token), expected);
  }

  /* How deep the tree below may go: a formula of opening brackets must not fill the stack. */
  deeper(read) {
    if (++this.depth > MOST.depth) this.refuse(`at most ${MOST.depth} brackets and signs inside each other`);
    const tree = read();
    this.depth -= 1;
    return tree;
  }

  whole() {
    if (this.next.text === "w" && this.tokens[this.place + 1].kind === "=") this.place += 2; // "w = .." is what it is
    if (this.next.kind === "end") this.refuse("a formula, such as A*r");
    const tree = this.formula();
    const { next } = this;
    if (next.kind === "=") this.refuse('"==", which compares');
    if (["number", "name", "("].includes(next.kind)) this.refuse('an operator; a product is written with "*"');
    if (next.kind !== "end") this.refuse(next.kind === ")" ? 'no more ")" than "("' : "an operator or the end");
    return tree;
  }

  formula() {
    return this.deeper(() => {
      const test = this.chain(["or"], () => this.chain(["and"], () => this.negated()));
      if (!this.take("?")) return test;
      const yes = this.formula();
      if (!this.take(":")) this.refuse('":" and what else, after "?"');
      return { apply: "where", of: [test, yes, this.formula()] };
    });
  }

  chain(operators, part) {
    let left = part();
    for (let one; (one = this.take(...operators));) left = { apply: one.kind, of: [left, part()] };
    return left;
  }

  negated() {
    return this.take("not") ? this.deeper(() => ({ apply: "not", of: [this.negated()] })) : this.comparison();
  }

  comparison() {
    const left = this.sum(),
      sign = this.take(...COMPARISONS);
    if (!sign) return left;
    const tree = { apply: sign.kind, of: [left, this.sum()] };
    if (COMPARISONS.includes(this.next.kind)) this.refuse('"and" between two comparisons');
    return tree;
  }

  sum() {
    return this.chain(["+", "-"], () => this.chain(["*", "/"], () => this.signed()));
  }

  signed() {
    const sign = this.take("-", "+", "!");
    if (!sign) return this.power();
    const inner = this.deeper(() => this.signed());
    return sign.kind === "+" ? inner : { apply: sign.kind === "-" ? "negative" : "not", of: [inner] };
  }

  power() {
    const base = this.atom();
    return this.take("^") ? this.deeper(() => ({ apply: "^", of: [base, this.signed()] })) : base;
  }

  atom() {
    const token = this.next;
    if (this.take("number")) return this.number(token);
    if (this.take("name")) return this.next.kind === "(" ? this.call(token) : this.name(token);
    if (this.take("√")) return { apply: "sqrt", of: [this.deeper(() => this.atom())] };
    if (!this.take("(")) this.refuse('a number, a name or "("');
    const inner = this.formula();
    if (!this.take(")")) this.refuse('")"');
    return inner;
  }

  number(token) {
    const value = Number(token.text);
    return Number.isFinite(value) ? { number: value, text: token.text } : this.refuse("a number below 1.8e308", token);
  }

  name({ text, at }) {
    const token = { text, at };
    if (Object.hasOwn(VARIABLES, text)) return { variable: text };
    if (text === "w") this.refuse("anything but w, which the formula is to define", token);
    if (RESERVED.includes(text))
      this.refuse(text === "if" || text === "else" ? "where(test, yes, no)" : `"(" after ${text}`, token);
    const meant = Object.keys(MEANT).find((name) => MEANT[name].includes(text));
    if (meant) this.refuse(`${meant} for ${VARIABLES[meant].split(":")[0]}`, token);
    if (text.length > MOST.letters) this.refuse(`a name of at most ${MOST.letters} letters`, token);
    this.constants.add(text);
    if (this.constants.size > MOST.constants) this.refuse(`at most ${MOST.constants} constants`, token);
    return { constant: text };
  }

  call(token) {
    const name = WORDS[token.text] ?? token.text;
    if (!Object.hasOwn(FUNCTIONS, name)) {
      if (Object.hasOwn(VARIABLES, name)) this.refuse(`an operator after ${name}; a product is written with "*"`);
      this.refuse(`a function: ${Object.keys(FUNCTIONS).join(", ")}`, token);
    }
    this.take("(");
    const of = [];
    if (this.next.kind !== ")")
      do of.push(this.formula());
      while (this.take(","));
    if (!this.take(")")) this.refuse('"," or ")"');
    const [least, most] = FUNCTIONS[name];
    if (of.length < least || of.length > most) {
      throw new FormulaError(
        token.at,
        `${of.length}`,
        `${least === most ? least : `${least} to ${most}`} argument${most > 1 ? "s" : ""} of ${token.text}`,
      );
    }
    return { apply: name, of };
  }
}

/* A formula as a list of operations over the tokens of a completion. Gives { run }: run(columns, n) takes the eight
   quantities, an array of n numbers each, and gives their weights in an array that the next run writes over.
   Constants are fixed in it: a slider that moves makes a new one. */
export function compile(tree, constants = {}) {
  const places = new Map(),
    steps = [],
    fixed = [],
    read = [],
    registers = [];
  let room = 0;
  const register = (key, note) => {
    if (!places.has(key)) {
      registers.push(null);
      places.set(key, registers.length - 1);
      note(registers.length - 1);
    }
    return places.get(key);
  };
  /* The register of a node's value; what stands in a formula twice is computed once. */
  const place = (node) => {
    if ("number" in node) return register(`number ${node.number}`, (at) => fixed.push([at, node.number]));
    if ("variable" in node) return register(node.variable, (at) => read.push([at, node.variable]));
    if ("constant" in node)
      return register(`constant ${node.constant}`, (at) => fixed.push([at, constantOf(constants, node.constant)]));
    const of = node.of.map(place),
      pairs = FUNCTIONS[node.apply]?.[1] > 3; // of more than three: two at a time
    const step = (name, [a, b = a, c = a]) =>
      register(`${name} ${a} ${b} ${c}`, (out) =>
        steps.push({ make: OPERATIONS[name], whole: OF_COMPLETIONS[name], out, a, b, c }),
      );
    return pairs ? of.reduce((so, one) => step(node.apply, [so, one])) : step(node.apply, of);
  };
  const last = place(tree);
  const grow = (n) => {
    room = 2 * n;
    for (const { out } of steps) registers[out] = new Float64Array(room);
    for (const [at, value] of fixed) registers[at] = new Float64Array(room).fill(value);
  };
  const run = (columns, n) => {
    if (n > room) grow(n);
    for (const [at, name] of read) registers[at] = columns[name];
    for (const { make, whole, out, a, b, c } of steps) {
      const [to, x, y, z] = [registers[out], registers[a], registers[b], registers[c]];
      if (whole) whole(x, n, to);
      else for (let t = 0; t < n; t++) to[t] = make(x[t], y[t], z[t]);
    }
    return registers[last];
  };
  return { run };
}

/* The same for one token { A, r, p, q, l, s, t, n }. */
export function weightOf(tree, constants) {
  const { run } = compile(tree, constants),
    columns = Object.fromEntries(Object.keys(VARIABLES).map((name) => [name, new Float64Array(1)]));
  return (token) => {
    for (const name of Object.keys(VARIABLES)) columns[name][0] = token[name];
    return run(columns, 1)[0];
  };
}

function constantOf(constants, name) {
  const value = Object.hasOwn(constants, name) ? constants[name] : undefined;
  if (!Number.isFinite(value))
    throw new RangeError(`${name}: expected a number for this constant of the formula, got ${value}`);
  return value;
}

/* What a formula is for every token, where some variables are known: a number, or null where it depends on the others. */
export function valueOf(node, variables, constants = {}) {
  if ("number" in node) return node.number;
  if ("variable" in node) return variables[node.variable] ?? null;
  if ("constant" in node) return Object.hasOwn(constants, node.constant) ? constants[node.constant] : null;
  const of = node.of.map((one) => valueOf(one, variables, constants)),
    [first, second, third] = of;
  if ((["*", "and"].includes(node.apply) && of.includes(0)) || (node.apply === "/" && first === 0)) return 0;
  if (node.apply === "or" && of.some((one) => one !== null && one !== 0)) return 1;
  if (node.apply === "where" && first !== null) return first !== 0 ? second : third;
  if (node.apply === "where" && second === third) return second;
  return of.includes(null) || node.apply in OF_COMPLETIONS
    ? null
    : weightOf({ apply: node.apply, of: of.map((number) => ({ number })) })({});
}
