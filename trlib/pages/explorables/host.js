(async () => {
  const home = document.currentScript.parentElement;
  const view = home.querySelector(".trlib-view");
  const picture = view.querySelector(".trlib-still")?.shadowRoot?.querySelector(".trx"), theme = document.documentElement.dataset.theme;
  picture?.toggleAttribute("data-dark", theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const part = (name) => home.querySelector(`script.trlib-${name}`);
  const traits = JSON.parse(part("traits").textContent), heard = {};
  const model = {
    get: (key) => traits[key],
    set(key, value) {
      if (Object.is(traits[key], value)) return;
      traits[key] = value;
      for (const listener of heard[`change:${key}`] ?? []) listener();
    },
    save_changes() {},
    on(event, listener) { (heard[event] ??= new Set()).add(listener); },
    off(event, listener) { heard[event]?.delete(listener); },
  };
  home.model = model;
  try {
    const source = part("module"), data = part("data");
    const arriving = data?.dataset.src ? fetch(data.dataset.src).then((answer) => answer.text()) : data?.textContent;
    const blob = () => URL.createObjectURL(new Blob([JSON.parse(source.textContent)], { type: "text/javascript" }));
    const { default: explorable } = await import(source.dataset.src ?? blob());
    if (data) traits._data = await arriving;
    explorable.render({ model, el: view });
  } catch (error) {
    view.textContent = `This figure could not start: ${error.message}`;
    throw error;
  }
})();
