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
