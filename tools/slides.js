// One slide at a time, as large as the window allows. Arrows, space and page keys move; f fills the screen, d darkens it.
const slides = [...document.querySelectorAll(".slide")], root = document.documentElement;
const place = () => Math.min(slides.length, Math.max(1, Number(location.hash.slice(1)) || 1));
function fit() {
  const scale = Math.min(innerWidth / 1280, innerHeight / 720);
  const [left, top] = [(innerWidth - 1280 * scale) / 2, (innerHeight - 720 * scale) / 2];
  for (const slide of slides) slide.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
}
function show() {
  slides.forEach((slide, number) => slide.classList.toggle("shown", number === place() - 1));
  document.getElementById("said").textContent = `Slide ${place()} of ${slides.length}`;
}
function go(number) {
  history.replaceState(null, "", `#${Math.min(slides.length, Math.max(1, number))}`);
  show();
}
const keys = {
  ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1, Home: -1e6, End: 1e6,
};
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in keys && !(event.key === " " && event.target.closest?.("button, a"))) {
    event.preventDefault();
    go(place() + (event.shiftKey && event.key === " " ? -1 : keys[event.key]));
  }
  if (event.key === "f") document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen();
  if (event.key === "d") root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
});
let touched = null;
addEventListener("touchstart", event => { touched = event.touches[0].clientX; }, { passive: true });
addEventListener("touchend", event => {
  const moved = event.changedTouches[0].clientX - touched;
  if (Math.abs(moved) > 40) go(place() - Math.sign(moved));
});
document.getElementById("back").onclick = () => go(place() - 1);
document.getElementById("on").onclick = () => go(place() + 1);
addEventListener("resize", fit);
addEventListener("hashchange", show);
root.classList.add("steered");
fit();
show();
