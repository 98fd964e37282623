/* The map of a page before its widget: a frame with Leaflet in it stands in the map's place from the first on, and the
 * map that goes ahead of the widgets is drawn in it while the browser still reads what those are made of. The widget takes
 * it over as it is (`map_frame.js`). Where the map of before stands there, and in a browser that cannot move a frame without
 * loading it anew, it waits for the widget. */
(() => {
  "use strict";
  const config = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const HEIGHT = 560; /* as in map_frame.py */
  const isNew = !window.stormplayLast && !!Element.prototype.moveBefore;
  const head = isNew && fetch(config.mapHead).then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(answer.status))));
  let frame, came, handedOver, isWaiting = false, isTaken = false, isLeft = false;
  const underWay = new Promise((resolve) => { handedOver = resolve; });
  const post = () => {
    if (!frame || !came || !isWaiting) return;
    frame.contentWindow.postMessage({ stormplay: "document", text: came.document }, "*");
    handedOver();
  };
  function begin(text) {
    const place = document.querySelector("[data-map]");
    if (!isNew || !place || isTaken || isLeft) { handedOver(); return; }
    frame = document.createElement("iframe");
    frame.className = "sp-map";
    frame.setAttribute("sandbox", "allow-scripts");
    frame.inert = true; /* what is chosen on it is heard by its widget */
    frame.title = "Map";
    frame.style.cssText = styleOf(HEIGHT);
    frame.srcdoc = `<!doctype html><html lang="en"><head>${text}<script>stormplayAwait();</` + `script></head><body></body></html>`;
    const host = Object.assign(document.createElement("div"), { className: "sp-output" });
    host.append(frame);
    place.querySelector(".sp-skeleton")?.remove();
    place.append(host);
  }
  const styleOf = (height) => `display:block;width:100%;border:0;border-radius:8px;max-height:85vh;height:clamp(380px,60vw,${height}px)`;
  addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || !event.data) return;
    if (event.data.stormplay === "waiting") { isWaiting = true; post(); }
    if (event.data.stormplay === "ready") { frame.dataset.ready = "true"; performance.mark("stormplay-map"); }
  });
  const parsed = new Promise((resolve) => document.addEventListener("readystatechange", resolve, { once: true }));
  Promise.all([head, parsed]).then(([text]) => begin(text)).catch((error) => { console.warn(error); handedOver(); }); /* its widget draws it */

  window.stormplayAhead = {
    /** The map is being drawn, or its widget will have to. */
    underWay,
    /** A map has come: `key`, `document`, `label`, `height`. */
    came(map) {
      came = map;
      if (frame) {
        frame.title = map.label;
        frame.style.cssText = styleOf(Number(map.height) || HEIGHT);
      }
      post();
    },
    /** The document of that name and, once, its frame; undefined where it did not come. */
    take(key) {
      if (came?.key !== key) { this.leave(); return undefined; }
      const found = isTaken ? undefined : frame;
      isTaken = true;
      return { document: came.document, frame: found };
    },
    /** Nothing more comes: a frame that nobody has taken goes. */
    leave() {
      isLeft = true;
      handedOver();
      if (!isTaken) frame?.parentElement.remove();
    },
  };
})();
