/* Puts what the notebook's cells show in their places. It comes from two sides: the cells' outputs over one socket,
 * from the first on; the widgets in them from Voilà's front end, which loads at the same time. */
(() => {
  "use strict";
  const config = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const WIDGET = "application/vnd.jupyter.widget-view+json";
  const MODEL_WAIT_MS = 30000, MAP_WAIT_MS = 500, LAST_WAIT_MS = 1500, GROWS_MS = 1500;
  const socketUrl = (path) => location.origin.replace(/^http/, "ws") + config.baseUrl + path;
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const wasShown = () => Promise.race([window.stormplaySnapshot.shown, pause(LAST_WAIT_MS)]);
  const loaded = new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve, { once: true }));

  /* ---- the front end: it says so itself when it is there */
  const manager = new Promise((resolve) => {
    let app;
    Object.defineProperty(window, "jupyterapp", {
      configurable: true,
      get: () => app,
      set: (value) => { app = value; value.widgetManagerPromise.promise.then(resolve); },
    });
  });
  /* It takes all of the browser for a while, so what was is shown before it starts, or else the map is handed over if
   * that comes soon. It waits for the window's load, which may be over by then. */
  const mapUnderWay = () => {
    if (document.documentElement.dataset.last === "shown") return undefined;
    return Promise.race([window.stormplayAhead?.underWay, pause(MAP_WAIT_MS)]);
  };
  loaded.then(wasShown).then(mapUnderWay).then(() => {
    const listen = window.addEventListener, script = make("script");
    window.addEventListener = function (kind, act, ...more) {
      if (kind === "load") setTimeout(act);
      else listen.call(this ?? window, kind, act, ...more);
    };
    manager.then(() => { window.addEventListener = listen; });
    script.src = config.frontEnd;
    document.head.append(script);
  });
  const modelOf = (widgets, id) => new Promise((resolve, reject) => {
    if (widgets.has_model(id)) { resolve(); return; }
    const hear = (_, known) => {
      if (known !== id) return;
      widgets.modelRegistered.disconnect(hear);
      resolve();
    };
    widgets.modelRegistered.connect(hear);
    setTimeout(() => reject(new Error("a widget did not arrive")), MODEL_WAIT_MS);
  });
  /* On a slow computer two seconds are little: after them ipywidgets gives up what a widget is made of, and anywidget
   * tells a widget that begins late of no change any more. */
  manager.then((widgets) => {
    const known = widgets.get_model.bind(widgets);
    widgets.get_model = async (id) => { await modelOf(widgets, id); return known(id); };
  });
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms) => timeout(Math.max(ms, MODEL_WAIT_MS));

  /* ---- one output */
  async function draw(mime, output, host) {
    const { rendermime } = await manager;
    if (mime === WIDGET) {
      const widgets = await manager;
      await modelOf(widgets, output.data[WIDGET].model_id);
    }
    const renderer = rendermime.createRenderer(mime);
    renderer.constructor.attach(renderer, host);
    await renderer.renderModel({ data: output.data, metadata: output.metadata, trusted: true, setData() {} });
  }
  async function put(output, host) {
    const data = output.data, text = (mime) => [].concat(data[mime]).join("");
    if (data[WIDGET]) await draw(WIDGET, output, host);
    else if (data["text/html"]) host.append(document.createRange().createContextualFragment(text("text/html")));
    else if (data["image/png"] || data["image/jpeg"]) {
      const kind = data["image/png"] ? "image/png" : "image/jpeg", image = make("img");
      image.alt = "";
      image.src = "data:" + kind + ";base64," + text(kind);
      host.append(image);
    } else if (data["text/markdown"]) await draw("text/markdown", output, host);
    else if (data["text/plain"]) host.append(make("pre", "sp-printed", text("text/plain")));
  }

  /* ---- a link to a section: what stands above it grows while the page is drawn, and a little longer */
  let isMoved = false;
  for (const kind of ["wheel", "touchstart", "pointerdown", "keydown"]) {
    addEventListener(kind, () => { isMoved = true; }, { once: true, passive: true, capture: true });
  }
  function toSection() {
    const section = location.hash && document.getElementById(location.hash.slice(1));
    if (!section) return;
    const growth = new ResizeObserver(() => { if (!isMoved) section.scrollIntoView(); });
    growth.observe(document.getElementById("sp-main"));
    setTimeout(() => growth.disconnect(), GROWS_MS);
  }

  /* ---- the cells */
  const places = () => document.querySelectorAll("[data-cell]");
  const settle = (place) => {
    place.removeAttribute("aria-busy");
    place.querySelector(".sp-skeleton")?.remove();
  };
  async function show(cell, outputs) {
    const place = document.querySelector(`[data-cell="${cell}"]`);
    if (!place) return;
    await Promise.all(outputs.map(async (output) => {
      const host = make("div", "sp-output");
      place.append(host);
      try {
        await put(output, host);
        settle(place);
      } catch (error) {
        console.warn(error);
        host.append(make("div", "sp-error", "This part did not arrive. Reload the page."));
      }
    }));
    settle(place);
  }
  function fail(cell, markup) {
    window.stormplaySnapshot?.leave();
    window.stormplayAhead?.leave();
    const place = document.querySelector(`[data-cell="${cell}"]`) ?? places()[0];
    places().forEach(settle);
    place?.insertAdjacentHTML("beforeend", markup);
    document.querySelectorAll(".sp-section").forEach((section) => {
      section.hidden = !section.contains(place) && !!section.querySelector("[data-cell]:empty");
    });
  }
  async function follow() {
    await loaded;
    await wasShown(); /* the server lets the kernel wait for this socket where there is something to show */
    const bar = document.getElementById("sp-doing"), words = document.getElementById("sp-doing-text");
    const drawing = [];
    const socket = new WebSocket(socketUrl("voila/execution/" + config.kernelId));
    socket.onmessage = async (event) => {
      const message = JSON.parse(event.data);
      if (message.status) words.textContent = message.status;
      if (message.map) window.stormplayAhead?.came(message.map);
      if (message.outputs) drawing.push(show(message.cell, message.outputs));
      if (message.failed) fail(message.cell, message.failed);
      if (!message.done) return;
      words.textContent = "Drawing the page";
      await Promise.all(drawing);
      await window.stormplaySnapshot?.ready();
      window.stormplayAhead?.leave();
      places().forEach(settle);
      bar.remove();
      document.documentElement.dataset.state = "ready";
      toSection();
      window.stormplayAtWork?.watch();
      performance.mark("stormplay-ready");
      if (socket.readyState === WebSocket.OPEN) socket.send("drawn"); /* how long it took, by the server's clock */
    };
  }

  /* ---- the connection: say so when it is gone, and offer the way back */
  const ENDED = {
    idle: "This page went to sleep because nothing happened on it for a while.",
    left: "This page went to sleep while it was away.",
    expired: "This page has been open for a whole day's work and has ended.",
    "signed-out": "You have signed out.",
    stopped: "The server was stopped.",
    died: "This page has stopped unexpectedly. What was saved is saved.",
    closed: "This page has ended.",
  };
  let banner, leaving = false;
  function say(text, button) {
    banner?.remove();
    banner = undefined;
    if (!text || leaving) return;
    banner = make("div", "sp-banner");
    banner.setAttribute("role", "alert");
    banner.append(make("span", "", text));
    if (button) {
      const again = make("button", "sp-primary", button);
      again.addEventListener("click", () => location.reload());
      banner.append(again);
    }
    document.body.append(banner);
  }
  async function ended(why) {
    window.stormplaySnapshot?.leave();
    (await manager).kernel.dispose(); /* or it would knock at a closed door for minutes */
    document.documentElement.dataset.state = "ended";
    say(ENDED[why] ?? ENDED.closed, why === "signed-out" ? "Sign in" : "Open it again");
  }
  async function lost() {
    say("The connection is lost. Trying again …");
    try {
      const answer = await fetch(config.baseUrl + "api/kernels/" + config.kernelId);
      if (answer.status === 403 || answer.status === 404) ended("closed");
    } catch { /* the server does not answer; the front end goes on trying */ }
  }
  window.addEventListener("pagehide", () => { leaving = true; });
  window.addEventListener("beforeunload", () => { leaving = true; });
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(url, protocols) {
      super(url, protocols);
      if (!String(url).includes("/channels")) return;
      this.addEventListener("open", () => say(""));
      this.addEventListener("close", (event) => {
        if (leaving) return;
        if (event.code === 4000) ended(event.reason);
        else lost();
      });
    }
  };
  follow();
})();
