// Says what follows from lines of a training log, by the rules of trlib/log_rules.json, and draws it over
// recorded runs: the same as trcheck/diagnose/log.py and alike.py, in the reader's browser. Nothing leaves
// the page.
{
  const place = document.getElementById("log-tool");
  const RULES = JSON.parse(document.getElementById("log-rules").textContent);
  const NUMBER = "[-+]?(?:\\d+(?:\\.\\d*)?(?:e[-+]?\\d+)?|\\.\\d+|inf(?:inity)?|nan)";
  const PAIR = new RegExp(
    `(?<![\\w/@.-])["']?([a-z_][\\w/@.-]*)["']?\\s*[:=]\\s*["']?(?:np\\.float\\d+\\()?(${NUMBER})(?![\\w.])`,
    "gi",
  );
  const SETTING = /(?<![\w.-])(?:--([\w.-]+)[\s=]+|([a-z_][\w.]*)["']?\s*[:=]\s*)["']?([\w.+-]+)(?![\w$({])/gi;
  const WHOLE = new RegExp(`^(?:${NUMBER})$`, "i");
  const TREND = 6; // lines from which on the first third is compared with the last
  const COMPARE = {
    "==": (a, b) => a === b,
    "!=": (a, b) => a !== b,
    "<": (a, b) => a < b,
    "<=": (a, b) => a <= b,
    ">": (a, b) => a > b,
    ">=": (a, b) => a >= b,
  };
  const sum = (list) => list.reduce((a, b) => a + b, 0);
  const value = (text) => (/inf/i.test(text) ? Infinity : Number(text.replace(/^\+/, "")));
  const pairs = (text) => [...text.matchAll(PAIR)].map((found) => [found[1], found[2]]);

  const NAMES = new Map(Object.entries(RULES.series).flatMap(([name, keys]) => keys.map((key) => [key, name])));

  // A column's or a key's name as the rules have it: of a tracker's the last part.
  const keyOf = (name) => {
    const last = name
      .split(" - ")
      .pop()
      .trim()
      .replaceAll(" / ", "/")
      .replace(/^train\//, "");
    return { Step: "step", "Training Loss": "loss" }[last] ?? last;
  };

  // A terminal breaks a line inside a key or a number: what makes a key together is joined.
  const unwrapped = (text) =>
    text
      .replace(/(?<![\w/@.-])([a-z_][\w/@.-]{0,99})\r?\n([\w/@.-]{1,99})/gi, (all, one, two) =>
        NAMES.has(keyOf(one + two)) ? one + two : all,
      )
      .replace(/(: ?[-\d.e]{1,30})\r?\n([-\d.e]{1,30}(?: - |[,}]))/gi, "$1$2");

  // The cells of a line of a CSV, or of the table that a notebook prints.
  const markOf = (head) => ["|", "\t", ","].find((mark) => head.includes(mark));
  const cells = (line, mark) => {
    if (!mark) return line.replaceAll("Training Loss", "loss").trim().split(/\s+/);
    if (mark !== ",")
      return line
        .trim()
        .replace(/^\|+|\|+$/g, "")
        .split(mark)
        .map((cell) => cell.trim());
    return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((found) =>
      (found[1] === undefined ? found[2] : found[1].replaceAll('""', '"')).trim(),
    );
  };

  // The cells of a table, by their column; none: it is no table.
  const table = (text) => {
    const lines = text.split(/\r?\n/).filter((line) => line.trim());
    const known = (line) => new Set(cells(line, markOf(line)).flatMap((cell) => NAMES.get(keyOf(cell)) ?? [])).size;
    const at = lines.findIndex((line) => known(line) > 1 && !pairs(line).length);
    if (at < 0) return [];
    const mark = markOf(lines[at]);
    const keys = cells(lines[at], mark).map(keyOf);
    return lines
      .slice(at + 1)
      .map((line) => cells(line, mark))
      .filter((row) => row.length === keys.length)
      .flatMap((row) => row.map((cell, i) => [keys[i], cell]))
      .filter(([, cell]) => WHOLE.test(cell));
  };

  // The numbers of a log by the names of RULES.series, in the order of its lines.
  const read = (text) => {
    const cut = table(text);
    const found = new Map();
    const spelt = new Map(); // a log may have two keys of one name: the first one counts
    for (const [key, number] of cut.length ? cut : pairs(unwrapped(text))) {
      const name = NAMES.get(keyOf(key));
      if (name === undefined) continue;
      if (!spelt.has(name)) spelt.set(name, keyOf(key));
      if (spelt.get(name) !== keyOf(key)) continue;
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(value(number));
    }
    return found;
  };

  // The settings that rules ask about, by their last name; of the critic none.
  const readSettings = (text) => {
    const found = new Map();
    for (const [, flag, key, given] of text.matchAll(SETTING)) {
      const name = (flag || key).replaceAll("-", "_");
      const last = name.split(".").pop();
      if (!name.startsWith("critic.") && RULES.settings.includes(last))
        found.set(last, WHOLE.test(given) ? value(given) : given.toLowerCase());
    }
    return found;
  };

  // Updates per batch by the settings of TRL or verl; undefined: they do not say.
  const updates = (settings) => {
    const number = (name) => {
      const given = settings.get(name);
      return typeof given === "number" && given > 0 && given < 1e9 ? given : undefined;
    };
    const [batch, mini] = [number("train_batch_size"), number("ppo_mini_batch_size")];
    if (batch && mini) return Math.ceil(batch / mini) * (number("ppo_epochs") ?? 1);
    const [iterations, steps] = [number("num_iterations"), number("steps_per_generation")];
    const accumulated = number("gradient_accumulation_steps");
    if ((steps && !accumulated) || !(iterations || steps)) return undefined;
    const share = steps && accumulated ? steps / accumulated : 1;
    return Math.max(1, Math.floor(share * (iterations ?? 1)));
  };

  // The statistics of each series, NAME.STATISTIC.
  const measured = (series) => {
    const known = new Map();
    for (const [name, values] of series) {
      const good = values.filter(Number.isFinite);
      const say = (statistic, number) => known.set(`${name}.${statistic}`, number);
      say("n", values.length);
      say("broken", values.length - good.length);
      if (!good.length) continue;
      say("low", Math.min(...good));
      say("high", Math.max(...good));
      say("mean", sum(good) / good.length);
      say("size", Math.max(...good.map(Math.abs)));
      say("below", good.filter((x) => x < 0).length);
      say("above", good.filter((x) => x > 0).length);
      if (good.length < TREND) continue;
      const third = Math.floor(good.length / 3);
      const [begin, end] = [good.slice(0, third), good.slice(-third)];
      const [first, last] = [sum(begin) / third, sum(end) / third];
      const spread = sum(begin.map((x) => (x - first) ** 2)) + sum(end.map((x) => (x - last) ** 2));
      const error = Math.sqrt(spread / (third * Math.max(third - 1, 1)));
      say("begin", first);
      say("end", last);
      if (first) say("kept", last / first);
      say("trend", (last - first) / (error + 1e-12 + 1e-3 * Math.max(Math.abs(first), Math.abs(last))));
    }
    return known;
  };

  const holds = (known, name, how, wanted) => {
    const found = known.get(name);
    if (how === "unknown") return found === undefined;
    const other = typeof wanted === "string" ? (known.get(wanted) ?? wanted) : wanted;
    if (how === "!=") return found !== other;
    return found !== undefined && typeof found === typeof other && COMPARE[how](found, other);
  };

  // A number with three digits, a whole one with all; the same in Python.
  const shown = (given) => {
    if (typeof given === "string") return given;
    if (!Number.isFinite(given)) return String(given).replace("Infinity", "inf").toLowerCase();
    if (Number.isInteger(given) && Math.abs(given) < 1e6) return String(given + 0);
    const [digits, power] = given.toExponential(2).split("e");
    const short = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
    const exponent = Number(power);
    if (exponent > -4 && exponent < 6) return short(Number(`${digits}e${power}`).toFixed(Math.max(0, 2 - exponent)));
    return `${short(digits)}e${exponent}`;
  };

  const judge = (text, settings) => {
    const series = read(text);
    const chosen = readSettings(settings);
    const known = new Map([...measured(series), ...chosen]);
    const count = updates(chosen);
    if (count !== undefined) known.set("updates", count);
    const filled = (sentence) =>
      sentence.replace(/\{([\w.]+)(\|%)?\}/g, (_, name, percent) =>
        percent ? `${shown(100 * known.get(name))} percent` : shown(known.get(name)),
      );
    return {
      recognised: [
        ...[...series].map(([name, values]) => `${name} (${values.length})`),
        ...[...chosen].map(([name, given]) => `${name} = ${shown(given)}`),
        ...(count === undefined ? [] : [`updates per batch = ${shown(count)}`]),
      ],
      said: RULES.rules
        .filter((rule) => rule.when.every((condition) => holds(known, ...condition)))
        .map((rule) => [filled(rule.say), rule.see]),
    };
  };

  // What a log does, by key.
  const wordsOf = (series) => {
    const known = measured(series);
    const word = ([name, choices]) => {
      if (!known.has(`${name}.trend`)) return [];
      const found = choices.find(([, when]) => when.every((one) => holds(known, ...one)));
      return found ? [[name, found[0]]] : [];
    };
    return new Map(Object.entries(RULES.words).flatMap(word));
  };
  const RUNS = JSON.parse(document.getElementById("log-runs").textContent).map((run) => {
    const lists = Object.entries(run.series).map(([key, all]) => [key, all.map((x) => x ?? NaN)]);
    return { ...run, series: new Map(lists), words: wordsOf(new Map(lists)) };
  });

  // The update of each of `count` values: the log's own numbers, where it has one a line; a key that is
  // logged once a batch is spread over the updates of the others.
  const stepsOf = (series, count) => {
    const own = (series.get("step") ?? []).filter((x, i, all) => !i || x !== all[i - 1]);
    if (own.length === count) return own;
    const longest = Math.max(...[...series.values()].map((all) => all.length));
    const apart = Math.max(Math.floor(longest / Math.max(count, 1)), 1);
    return Array.from({ length: count }, (_, i) => 1 + apart * i);
  };

  // Each cause's words that all its runs share: what only one seed does is chance.
  const CAUSES = [...new Set(RUNS.filter((run) => !run.healthy).map((run) => run.cause))];
  const signs = (cause) => {
    const [first, ...others] = RUNS.filter((run) => !run.healthy && run.cause === cause);
    return new Map([...first.words].filter(([key, word]) => others.every((run) => run.words.get(key) === word)));
  };
  // What none of the healthy runs that have this key does.
  const odd = (words, key) => {
    const usual = RUNS.filter((run) => run.healthy && run.words.has(key));
    return usual.length > 0 && usual.every((run) => run.words.get(key) !== words.get(key));
  };

  // The causes whose runs are most alike, and in which keys.
  const compare = (text) => {
    const mine = wordsOf(read(text));
    const listed = (keys, of) => keys.map((key) => `${RULES.labels[key]} (${of(key)})`).join(", ");
    const strange = [...mine.keys()].filter((key) => odd(mine, key));
    const none = { causes: [] };
    if (!mine.size) return { ...none, sentence: `A comparison needs ${TREND} lines or more of one key.` };
    if (!strange.length) {
      const all = [...mine.keys()].map((key) => RULES.labels[key]).join(", ");
      return { ...none, sentence: `None of the recorded ill runs: in ${all} the log does what healthy runs do.` };
    }
    let [best, most] = [[], 0];
    for (const cause of CAUSES) {
      const theirs = signs(cause);
      const both = [...mine.keys()].filter((key) => theirs.has(key) && (odd(mine, key) || odd(theirs, key)));
      const [same, unlike] = [true, false].map((is) =>
        both.filter((key) => (mine.get(key) === theirs.get(key)) === is),
      );
      // trends depend on a run's speed, which does not carry over: one alone makes nothing alike
      if (same.length < 2 && same.every((key) => ["falls", "rises", "stays"].includes(mine.get(key)))) continue;
      const score = same.length - unlike.length;
      if (score <= 0 || score < most) continue;
      if (score > most) [best, most] = [[], score];
      const others = listed(unlike, (key) => `${mine.get(key)}; there ${theirs.get(key)}`);
      best.push([
        cause,
        `${cause}. Alike in ${listed(same, (key) => mine.get(key))}${others && `; not in ${others}`}.`,
      ]);
    }
    if (!best.length) {
      const said = listed(strange, (key) => mine.get(key));
      return { ...none, sentence: `None of the recorded ill runs, although unlike the healthy ones in ${said}.` };
    }
    const sentence = `Most alike: ${best.map(([, said]) => said).join(" Equally alike: ")}`;
    return { sentence, causes: best.map(([cause]) => cause) };
  };

  // A key of the log over the recorded runs. Rewards and lengths have no common scale.
  const panel = (key, series, chosen) => {
    const [wide, high] = [300, 130];
    // of all causes one run each, or every run of those that are chosen
    const first = new Map(RUNS.filter((run) => run.series.has(key)).map((run) => [run.cause, run]));
    const drawnOf = (run) => run.healthy || (chosen ? chosen.includes(run.cause) : first.get(run.cause) === run);
    const runs = RUNS.filter((run) => run.series.has(key) && drawnOf(run));
    const lines = [...runs, { series }].map((run) => {
      const values = run.series.get(key);
      return { run, values, steps: stepsOf(run.series, values.length) };
    });
    const right = Math.max(...lines.map((line) => line.steps.at(-1)));
    const ends = (some) => {
      const all = some.flatMap((line) => line.values).filter(Number.isFinite);
      return [all.reduce((a, b) => Math.min(a, b), Infinity), all.reduce((a, b) => Math.max(a, b), -Infinity)];
    };
    const bounds = (some) => {
      const [low, top] = ends(some);
      return [low, Math.max(top, low + 1e-9)];
    };
    const mine = lines.pop();
    const own = RULES.own.includes(key);
    const scale = bounds(own ? lines : [...lines, mine]);
    const points = ({ steps, values }, [low, top] = scale) =>
      steps.flatMap((step, i) =>
        Number.isFinite(values[i])
          ? [`${((step / right) * wide).toFixed(1)},${(high * (1 - (values[i] - low) / (top - low))).toFixed(1)}`]
          : [],
      );
    const healthy = lines.filter((line) => line.run.healthy);
    // a value holds until the run's next one
    const held = ({ steps, values }, step) => values[steps.findLastIndex((x) => x <= step)];
    const until = healthy.map(({ steps }) => steps.at(-1) + (steps[1] ?? 1) - steps[0]);
    const edge = (pick) => {
      const steps = [...new Set(healthy.flatMap((line) => line.steps))].sort((a, b) => a - b);
      const there = (step) => healthy.filter((_, i) => step < until[i]).map((line) => held(line, step) ?? NaN);
      return { steps, values: steps.map((step) => pick(...there(step).filter(Number.isFinite))) };
    };
    const band = [...points(edge(Math.min)), ...points(edge(Math.max)).reverse()];
    const line = (kind, where) => `<polyline class="log-${kind}" points="${where.join(" ")}"/>`;
    const drawn = lines
      .filter(({ run }) => !run.healthy)
      .map((each) => {
        const [x, y] = (points(each).at(-1) ?? "0,0").split(",");
        const number = 1 + CAUSES.indexOf(each.run.cause);
        return `${line("ill", points(each))}<text x="${Math.min(x, wide - 12)}" y="${y}">${number}</text>`;
      });
    const range = bounds([mine]);
    const label = `${RULES.labels[key]}: ${ends([mine]).map(shown).join(" to ")} in this log, updates 1 to ${right}`;
    const picture =
      `<svg viewBox="-2 -8 ${wide + 4} ${high + 12}" role="img" aria-label="${label}">` +
      `<polygon class="log-band" points="${band.join(" ")}"/>${drawn.join("")}` +
      `${line("own", points(mine, own ? range : scale))}</svg>`;
    return element("figure", { innerHTML: `${picture}<figcaption>${label}</figcaption>` });
  };
  window.judgeLog = judge; // for the tests, as is the address below

  // The address of a question, `page: heading`, as Sphinx names headings.
  const address = (see) => {
    const heading = see.slice(see.indexOf(": ") + 2);
    const name = heading
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^[-0-9]+|-+$/g, "");
    return [`questions/${name}.html`, heading.replaceAll("`", "")];
  };
  window.addressOfQuestion = address;
  window.compareLog = (text) => compare(text).sentence;

  const element = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const area = (id, rows, example) =>
    element("textarea", { id, rows, spellcheck: false, placeholder: example, autocomplete: "off" });
  const log = area("log-lines", 8, "{'loss': -0.01, 'grad_norm': 0.4, 'clip_ratio/region_mean': 0.0}");
  const settings = area("log-settings", 3, "num_iterations=1, beta=0.04");
  const button = element("button", { type: "button" }, "Read the log");
  const out = element("div", { id: "log-said" });
  out.setAttribute("role", "status");
  const show = () => {
    const { recognised, said } = judge(log.value, settings.value);
    out.replaceChildren();
    if (!recognised.length) {
      const none = "Nothing was recognised. Expected lines with keys of TRL or verl, or a table of them.";
      return out.append(element("p", {}, none));
    }
    out.append(element("p", {}, `Recognised: ${recognised.join(", ")}.`));
    const list = element("ul", {});
    for (const [sentence, see] of said) {
      const [href, heading] = address(see);
      list.append(element("li", {}, `${sentence} `, element("a", { href }, heading)));
    }
    const nothing = "No rule applies. That does not mean that all is well.";
    out.append(said.length ? list : element("p", {}, nothing));
    const series = read(log.value);
    const found = compare(log.value);
    const keys = [...wordsOf(series).keys()];
    const panels = element("div", { className: "log-panels" });
    const only = element("button", { type: "button", ariaPressed: "true" }, "Only the most alike");
    const names = element("ol", { className: "log-causes" });
    for (const cause of CAUSES) names.append(element("li", {}, cause));
    const redraw = (alone) => {
      only.ariaPressed = String(alone);
      names.hidden = alone;
      panels.replaceChildren(...keys.map((key) => panel(key, series, alone && found.causes)));
    };
    only.addEventListener("click", () => redraw(only.ariaPressed === "false"));
    out.append(element("p", {}, found.sentence));
    if (!keys.length || !RUNS.length) return;
    redraw(true);
    out.append(only, panels, names);
  };
  button.addEventListener("click", show);
  place.replaceChildren(
    element("label", { htmlFor: "log-lines" }, "Lines of the log"),
    log,
    element("label", { htmlFor: "log-settings" }, "Settings, if you like"),
    settings,
    button,
    out,
  );
}
