// A browser that forbids storage, or has no room left in it, must not stop the theme's scripts: they get what forgets.
for (const name of ["localStorage", "sessionStorage"]) {
  const kept = new Map();
  try {
    for (const key of Object.keys(window[name])) kept.set(key, window[name].getItem(key));
    window[name].setItem("trlib", "");
    window[name].removeItem("trlib");
  } catch {
    const forgets = {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, String(value)),
      removeItem: (key) => void kept.delete(key),
    };
    Object.defineProperty(window, name, { value: forgets });
  }
}
// The theme's first script shows the theme that is stored, and its last one the theme that the system asks for. They agree
// from the start, or the whole page would be styled twice and seen to change.
if (!["light", "dark"].includes(localStorage.getItem("mode")))
  localStorage.setItem("theme", matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
