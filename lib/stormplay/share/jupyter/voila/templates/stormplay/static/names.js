/* Names for what the front end leaves nameless: a slider's handle, and fields whose only words are their tip. A screen
 * reader says them; nobody sees a difference. Widgets come and go, so they are looked for whenever the page changes. */
(() => {
  "use strict";
  const words = (widget) => {
    const label = [...widget.querySelectorAll("label, .widget-label")].find((one) => one.textContent.trim() && one.style.display !== "none");
    return label?.textContent.trim() || widget.title || widget.querySelector("[title]")?.title || "";
  };
  const name = (node, said) => { if (said && !node.getAttribute("aria-label")) node.setAttribute("aria-label", said); };
  function look() {
    waiting = false;
    document.querySelectorAll(".noUi-handle:not([aria-label])").forEach((handle) => name(handle, words(handle.closest(".jupyter-widgets") ?? handle)));
    document.querySelectorAll(".jupyter-widgets :is(input, select, textarea)[title]:not([aria-label])").forEach((field) => {
      if (![...(field.labels ?? [])].some((label) => label.textContent.trim())) name(field, field.title);
    });
  }
  let waiting = false;
  addEventListener("DOMContentLoaded", () => {
    new MutationObserver(() => {
      if (waiting) return;
      waiting = true;
      setTimeout(look, 100);
    }).observe(document.getElementById("sp-main"), { childList: true, subtree: true });
  });
})();
