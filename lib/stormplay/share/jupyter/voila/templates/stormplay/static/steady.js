/* A page that does not jump: each place that waits is as high as what stood in it the last time, at this width, in this
 * browser. Heights are all that is kept. It runs in the head, so that nothing is painted before it. And what is pressed
 * while it is drawn anew is pressed all the same. */
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

  /* A link or a button that is drawn anew between press and release is gone for the browser, which then clicks nothing:
   * the one that stands there now is meant. */
  let pressed;
  const pressable = (node) => node?.closest?.("a[href], button");
  const meaning = (node) => node && (node.href ?? node.textContent);
  addEventListener("pointerdown", (event) => {
    pressed = event.pointerType === "mouse" && event.button === 0 ? pressable(event.target) : undefined;
  }, true);
  addEventListener("pointerup", (event) => {
    const was = pressed;
    pressed = undefined;
    if (!was || was.isConnected) return;
    const now = pressable(document.elementFromPoint(event.clientX, event.clientY));
    if (meaning(now) !== meaning(was)) return;
    const { ctrlKey, metaKey, shiftKey, altKey } = event;
    now.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, view: window, ctrlKey, metaKey, shiftKey, altKey }));
  }, true);
})();
