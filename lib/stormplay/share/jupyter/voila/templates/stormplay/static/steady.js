/* A page that does not jump: each place that waits is as high as what stood in it the last time, at this width, in this
 * browser. Heights are all that is kept. It runs in the head, so that nothing is painted before it. */
(() => {
  "use strict";
  const KEY = "stormplay-heights:" + location.pathname.split("/").pop(), CALM_MS = 1200, HIGHEST = 20000;
  const width = String(Math.round(innerWidth / 80)), rules = document.createElement("style");
  const read = () => { try { return JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { return {}; } };
  for (const [cell, height] of Object.entries(read()[width] ?? {})) {
    if (/^\d+$/.test(cell) && height > 0 && height < HIGHEST) rules.textContent += `[data-cell="${cell}"] { min-height: ${Number(height)}px; }\n`;
  }
  document.head.append(rules);
  function keep() {
    rules.remove();
    const heights = {};
    document.querySelectorAll("[data-cell]").forEach((place) => { if (place.offsetHeight) heights[place.dataset.cell] = place.offsetHeight; });
    try { localStorage.setItem(KEY, JSON.stringify({ ...read(), [width]: heights })); } catch { /* it keeps nothing */ }
  }
  const watch = new MutationObserver(() => {
    if (document.documentElement.dataset.state !== "ready") return;
    watch.disconnect();
    setTimeout(keep, CALM_MS);
  });
  watch.observe(document.documentElement, { attributes: true, attributeFilter: ["data-state"] });
})();
