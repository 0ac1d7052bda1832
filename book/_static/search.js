// Ranks the book's sections for a query (book/build/ext/search.py makes the index) and shows a hit for each page.
{
  // a scope of its own: these scripts share one

  const LEVELS = 8; // of a word's weight in a section: A to H
  const LONGEST = 200; // characters of a query that count
  const QUESTIONS = "book/questions/";
  const PAGES = 25,
    NAMES = 15;
  const WEIGHT = { question: 2, page: 1, card: 1, evidence: 0.7, interface: 0.75, internal: 0.3 };
  const STOP = new Set(window.bookIndex.stop);
  const SAME = 0.8,
    PART = 0.55,
    BEGINNING = 0.4; // a synonym, a word of a synonym of several words, a longer word

  const { pages, units, words, names, synonyms, chinese, kinds } = window.bookIndex;
  const stemmer = new Stemmer();
  const stem = (word) => stemmer.stemWord(word.replace(/is(ation|ations|e|es|ed|er|ers|ing)$/, "iz$1"));
  // A query in Chinese is searched by the English words for its terms; what lies between them does not count.
  const HAN = /\p{Script=Han}+/gu;
  const english = (text) => {
    const said = chinese.reduce((left, [term, words]) => left.replaceAll(term, ` ${words} `), text).replace(HAN, " ");
    return /[\p{L}\p{N}]/u.test(said) ? said : text;
  };
  const split = (text) =>
    english(text.normalize("NFKC"))
      .replace(/['’](?=\p{L})/gu, "") // don't
      .toLowerCase()
      .match(/[\p{L}\p{N}]+(?:_+[\p{L}\p{N}]+)*/gu) ?? [];

  // The words of the index with the stem of a word: only those that begin as it does are worth a look.
  const alphabet = Object.keys(words);
  const related = new Map();
  const inflected = (word) => {
    if (!related.has(word)) {
      const wanted = stem(word),
        start = word.slice(0, 3);
      related.set(
        word,
        alphabet.filter((other) => other.startsWith(start) && stem(other) === wanted),
      );
    }
    return related.get(word);
  };

  // For a word of the query: words of the index and how much each counts.
  const alternatives = (word) => {
    const found = new Map();
    const add = (other, weight) => {
      for (const one of inflected(other))
        found.set(one, Math.max(weight * (one === other ? 1 : 0.95), found.get(one) ?? 0));
      if (Object.hasOwn(words, other)) found.set(other, Math.max(weight, found.get(other) ?? 0));
    };
    add(word, 1);
    const root = stem(word);
    for (const group of synonyms) {
      if (!group.some((text) => text === word || stem(text) === root)) continue;
      for (const text of group) {
        const several = split(text);
        for (const one of several) if (!STOP.has(one)) add(one, several.length > 1 ? PART : SAME);
      }
    }
    if (!found.size && word.length > 2)
      for (const other of alphabet) if (other.startsWith(word)) found.set(other, BEGINNING);
    return found;
  };

  // For a word of the query: how well each unit answers it.
  const scores = (word) => {
    const found = new Map();
    for (const [other, weight] of alternatives(word)) {
      const list = [...words[other].matchAll(/([0-9a-z]+)([A-Z])/g)];
      const rare = Math.log(1 + (units.length - list.length + 0.5) / (list.length + 0.5));
      let unit = 0;
      for (const [, distance, letter] of list) {
        unit += parseInt(distance, 36);
        const score = (weight * rare * (letter.charCodeAt(0) - 64)) / LEVELS;
        if (score > (found.get(unit) ?? 0)) found.set(unit, score);
      }
    }
    return found;
  };

  // A name such as clip_ratio is also its words; by itself it counts where a page has it.
  const parted = (word) =>
    word.includes("_") ? [...(Object.hasOwn(words, word) ? [word] : []), ...word.split(/_+/).filter(Boolean)] : [word];

  const share = (some, all) => (all.length ? all.filter((word) => some.has(stem(word))).length / all.length : 0);

  // The pages that answer, best first: [page, unit, score]. A page counts by its best section and by what all of them say.
  const rank = (query) => {
    const parts = query.flatMap(parted);
    const asked = [
      ...new Set(parts.some((word) => !STOP.has(word)) ? parts.filter((word) => !STOP.has(word)) : parts),
    ].slice(0, 24);
    const stems = new Set(asked.map(stem));
    const hits = new Map();
    asked.forEach((word, i) => {
      for (const [unit, score] of scores(word)) {
        const page = kinds[units[unit][4]] === "question" ? `question ${unit}` : units[unit][0];
        if (!hits.has(page)) hits.set(page, { whole: asked.map(() => 0), units: new Map() });
        const hit = hits.get(page);
        hit.whole[i] = Math.max(hit.whole[i], score);
        if (!hit.units.has(unit))
          hit.units.set(
            unit,
            asked.map(() => 0),
          );
        hit.units.get(unit)[i] = score;
      }
    });
    const sum = (list) => list.reduce((a, b) => a + b, 0);
    const covered = (list) => (list.filter(Boolean).length / asked.length) ** 2;
    const fits = (text) => {
      // how much of a heading was asked for, and how much of what was asked for it is
      const own = split(text).filter((word) => !STOP.has(word));
      return share(stems, own) * share(new Set(own.map(stem)), asked);
    };
    const ranked = [...hits.values()].map((hit) => {
      let best = -1,
        most = 0;
      for (const [unit, list] of hit.units) {
        const score = sum(list) * covered(list);
        if (score > most) [best, most] = [unit, score];
      }
      const [page, , heading, , kind] = units[best];
      const title = kinds[kind] === "question" ? heading : pages[page][1].replace(/: .*/, "");
      const fit = 1 + Math.max(fits(title), 0.99 * fits(heading)); // a page of that name before a section of it
      return [
        page,
        best,
        WEIGHT[kinds[kind]] * fit * (0.4 * sum(hit.whole) * covered(hit.whole) + 0.6 * most),
        covered(hit.whole),
      ];
    });
    const whole = Math.max(0, ...ranked.map((hit) => hit[3]));
    ranked.sort((a, b) => b[2] - a[2]);
    const question = (hit) => kinds[units[hit[1]][4]] === "question";
    // A question has few words beside a page: it stays with fewer of those that were asked for.
    const kept = ranked.filter((hit) => hit[3] >= whole / (question(hit) ? 5 : 2) && hit[2] > ranked[0][2] / 12);
    const seen = new Set(); // a question and the section that answers it are one hit
    const place = (hit) => (question(hit) ? units[hit[1]].slice(0, 2).join("#") : hit[0]);
    return kept.filter((hit) => !seen.has(place(hit)) && seen.add(place(hit))).slice(0, PAGES);
  };

  // Names of the package that hold every word, whole: `ppo` finds PPO and ppo_loss, not ppoish.
  const named = (query) => {
    const full = query.join(".");
    const found = [];
    names.forEach(([, name], i) => {
      const parts = split(name.replace(/([a-z0-9])([A-Z])/g, "$1_$2")).flatMap((word) => [word, ...word.split("_")]);
      const own = name.split(".").pop().toLowerCase();
      if (query.length && query.every((word) => parts.includes(word) || own === word))
        found.push([own === full || query.includes(own) ? 0 : 1, /^trlib\./.test(name) ? 0 : 1, name.length, i]);
    });
    return found
      .sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])
      .map((hit) => names[hit[3]])
      .slice(0, NAMES);
  };

  // The pages that somebody who types may mean, for book.js: [title, address].
  const SUGGESTED = 6;
  window.suggested = (text) =>
    rank(split(text.slice(0, LONGEST)))
      .slice(0, SUGGESTED)
      .map(([page, unit]) => {
        const [, anchor, heading, , kind] = units[unit];
        return [kinds[kind] === "question" ? heading : pages[page][1], address(page, anchor)];
      });

  const out = document.getElementById("search-results");
  const say = (text) => {
    out.querySelector(".search-summary").textContent = text;
  };
  // A question has a page of its own, beside the list that its answer is written in.
  const address = (page, anchor) => {
    const name = pages[page][0];
    if (anchor && name.startsWith(QUESTIONS)) return `${QUESTIONS}${anchor}.html`;
    return `${name}.html${anchor ? `#${anchor}` : ""}`;
  };
  const element = (tag, text, ...children) => {
    const made = document.createElement(tag);
    made.textContent = text;
    made.append(...children);
    return made;
  };
  const link = (href, ...content) => element("li", "", Object.assign(element("a", "", ...content), { href }));

  const show = (asked) => {
    const text = asked.normalize("NFKC").trim();
    const query = split(text.slice(0, LONGEST));
    const instead = (words) => {
      document.getElementById("search-questions").hidden = false;
      say(words);
    };
    if (!text) return instead("Type a word or a question.");
    if (!query.length) return instead("There is no word in this search. Type a word or a question.");
    if (/^[\x00-\x7f]$/.test(query.join("")))
      return instead("One letter is too little to search for. Type a word or a question.");

    const exact = /^[A-Za-z][\w.]*[_.][\w.]*$/.test(text); // a name of code: the thing itself comes first
    const found = rank(query),
      things = named(exact ? split(text) : query);
    const short =
      text.length > LONGEST
        ? ` The search reads ${LONGEST} characters of a question; yours has ${text.length.toLocaleString("en")}.`
        : "";
    if (!found.length && !things.length) {
      const foreign = /[^\p{Script=Latin}\p{Script=Common}]/u.test(text) ? " The book is in English." : "";
      return instead(`Search finished: no page matches.${foreign}${short} Try other words.`);
    }
    const count = (n, one, many) => `${n} ${n === 1 ? one : many}`;
    say(
      `Search finished: ${count(found.length, "page", "pages")}${things.length ? ` and ${count(things.length, "name", "names")} of the package` : ""}.${short}`,
    );

    const list = element("ul", "");
    list.className = "search";
    for (const [page, unit] of found) {
      const [, anchor, heading, excerpt, kind] = units[unit];
      const title = pages[page][1],
        question = kinds[kind] === "question";
      const row = link(address(page, anchor), question ? heading : title);
      if (question) row.append(element("p", `In: ${title}`));
      else if (heading) row.append(element("p", `${heading}${excerpt ? `: ${excerpt}` : ""}`));
      else if (excerpt) row.append(element("p", excerpt));
      list.append(row);
    }
    const rows = things.map(([page, name, line]) => {
      const row = link(address(page, name), element("code", name));
      row.className = "search-name";
      if (line) row.append(element("p", line));
      return row;
    });
    if (exact) list.prepend(...rows);
    else list.append(...rows);
    out.append(list);
  };

  if (out) {
    const field = document.querySelector("#main-content form.bd-search input");
    const asked = new URLSearchParams(location.search).get("q") ?? "";
    for (const input of document.querySelectorAll('input[name="q"]')) input.value = asked.slice(0, LONGEST);
    show(asked);
    field.focus();
  }
}
