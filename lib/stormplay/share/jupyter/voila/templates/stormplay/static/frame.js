/* What the frame of every page does by itself. On a narrow screen the act that is open is in sight. Light or dark: as the
 * system says, until somebody says otherwise by the switch in the header; what they said is kept in this browser and was
 * put on the page before it was painted (frame.html). Maps live in frames that know neither, and are told. */
(() => {
  "use strict";
  const KEY = "stormplay-theme", root = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
  const shown = () => root.dataset.theme ?? (system.matches ? "dark" : "light");
  const tell = (frame) => frame?.postMessage({ stormplay: "theme", theme: root.dataset.theme ?? "" }, "*");
  const button = () => document.querySelector(".sp-theme");
  function paint() {
    const dark = shown() === "dark";
    button()?.setAttribute("aria-pressed", String(dark));
    document.querySelectorAll("iframe.sp-map").forEach((frame) => tell(frame.contentWindow));
  }
  function choose(theme) {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    paint();
  }
  function turn() {
    const other = shown() === "dark" ? "light" : "dark", isSystem = (other === "dark") === system.matches;
    choose(isSystem ? undefined : other); /* who is back at the system's own follows it again */
    try {
      if (isSystem) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, other);
    } catch { /* a browser that keeps nothing: it holds for this page */ }
  }
  system.addEventListener("change", paint);
  addEventListener("storage", (event) => { if (event.key === KEY) choose(event.newValue ?? undefined); });
  addEventListener("message", (event) => { if (event.data?.stormplay === "ready") tell(event.source); });
  addEventListener("DOMContentLoaded", () => {
    paint();
    document.querySelector(".sp-acts [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
    button()?.addEventListener("click", turn);
  });
})();
