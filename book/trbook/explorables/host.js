(() => {
  const home = document.currentScript.parentElement;
  const view = home.querySelector(".trlib-view");
  const still = view.querySelector(".trlib-still"),
    fault = document.createElement("p");
  fault.setAttribute("role", "alert");
  fault.style.cssText = "margin: 10px 0 0; font-weight: 600";
  const cover = still.shadowRoot;
  const picture = cover?.querySelector(".trx"),
    page = document.documentElement;
  const wished = (what) => matchMedia(`(${what})`).matches;
  const follow = () =>
    picture?.toggleAttribute(
      "data-dark",
      page.dataset.theme && !wished("forced-colors: active")
        ? page.dataset.theme === "dark"
        : wished("prefers-color-scheme: dark"),
    );
  follow();
  const watcher = new MutationObserver(follow);
  watcher.observe(page, { attributeFilter: ["data-theme"] });
  const part = (name) => home.querySelector(`script.trlib-${name}`);
  const traits = JSON.parse(part("traits").textContent),
    heard = {};
  const model = {
    get: (key) => traits[key],
    set(key, value) {
      if (Object.is(traits[key], value)) return;
      traits[key] = value;
      for (const listener of heard[`change:${key}`] ?? []) listener();
    },
    save_changes() {},
    on(event, listener) {
      (heard[event] ??= new Set()).add(listener);
    },
    off(event, listener) {
      heard[event]?.delete(listener);
    },
  };
  home.model = model;
  const complain = (words) => {
    fault.textContent = words;
    if (!view.contains(still)) view.replaceChildren(fault);
    else if (picture)
      picture.append(fault); // inside the frame, below the picture, which is still true
    else view.append(fault);
  };
  let begun = null;
  const begin = () => (begun ??= start());
  const start = async () => {
    try {
      const source = part("module"),
        data = part("data"),
        parts = part("parts");
      const arriving = data?.dataset.src ? fetch(data.dataset.src).then((answer) => answer.text()) : data?.textContent;
      const blob = () => URL.createObjectURL(new Blob([JSON.parse(source.textContent)], { type: "text/javascript" }));
      const { default: explorable } = await import(source.dataset.src ?? blob());
      if (data) traits._data = await arriving;
      if (parts) traits._parts = parts.dataset.src ? { src: parts.dataset.src } : JSON.parse(parts.textContent);
      // As high as its still until it has drawn: a page that is scrolled through would lose its place.
      const kept = { height: `${view.offsetHeight}px`, overflow: "clip" };
      for (const [name, value] of Object.entries(kept)) view.style.setProperty(name, value, "important");
      explorable.render({ model, el: view });
      requestAnimationFrame(() =>
        requestAnimationFrame(() => Object.keys(kept).forEach((name) => view.style.removeProperty(name))),
      );
      watcher.disconnect();
    } catch (error) {
      begun = null; // coming back online, or a link with a state, tries again
      complain(
        navigator.onLine && !/import|fetch/i.test(error.message)
          ? `This figure could not start: ${error.message}`
          : "This figure could not be loaded. Are you offline? What you see of it stands; the rest comes when you are connected again.",
      );
      addEventListener("online", begin, { once: true });
      if (navigator.onLine) throw error;
    }
  };
  home.begin = begin;
  // A link with a state opens the figure and brings it into view; of several alike the first one has the address.
  const name = home.dataset.explorable,
    alike = `[data-explorable="${name}"]`;
  const addressed = () =>
    new RegExp(`^#${name}(:|%3A)`, "i").test(location.hash) &&
    home === (document.querySelector(`${alike}:not([data-opener])`) ?? document.querySelector(alike));
  const folds = () => {
    // the closed ones, from within
    const closed = [];
    for (let fold = home; (fold = fold.parentElement?.closest("details"));) if (!fold.open) closed.push(fold);
    return closed;
  };
  const show = () => {
    for (const fold of folds()) fold.open = true;
    home.scrollIntoView({ block: "start" });
  };
  addEventListener("hashchange", ({ isTrusted }) => {
    if (!addressed()) return;
    if (isTrusted) show(); // and no link in the page's text, which moves the figure where it stands
    begin();
  });
  if (addressed())
    begin().then(() => {
      if (!scrollY) show();
    });
  else {
    // its still stands there until a reader comes near, and in a fold until somebody opens it
    const near = new IntersectionObserver(
      (seen) => {
        if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
        near.disconnect();
        begin();
      },
      { rootMargin: "100%" },
    );
    near.observe(view);
  }
})();
