/* What this page showed last, shown at once while its kernel starts; and, once the page is there and calm, what it
 * shows now, handed in for the next time. What comes back can do nothing: no script, no handler, no control in use. */
(() => {
  "use strict";
  const config = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const asked = location.search.slice(1);
  const CALM_MS = 1200, NOT_CALM_MS = 6000, AGAIN_MS = 60000, PICTURE_WAIT_MS = 2000, LARGEST_BYTES = 4 * 2 ** 20;
  const GONE = "form,script,style,link,meta,base,object,embed,frame,frameset,template,audio,video,animate,set,use,foreignObject,noscript,dialog";
  const HEAD = "<!-- stormplay: head -->"; /* as in map_frame.js */
  const AGO = / \((just now|[\d.,]+ [a-z]+ ago)\)/g; /* was true when it was said */
  const places = () => document.querySelectorAll("[data-cell]");
  const make = (tag, className = "") => Object.assign(document.createElement(tag), { className });

  /* ---- what can do nothing */
  const isHarmless = (value, isPicture) => {
    if (/^\s*#/.test(value)) return true;
    try {
      const url = new URL(value, location.href);
      return url.origin === location.origin || (isPicture && /^data:image\/(png|jpeg|gif|webp)/i.test(value.trim()));
    } catch { return false; }
  };
  function harmless(root) {
    root.querySelectorAll(GONE).forEach((node) => node.remove());
    root.querySelectorAll(".sp-live").forEach((node) => { node.innerHTML = ""; }); /* it is not live */
    for (const node of root.querySelectorAll("*")) {
      if (node.localName === "iframe") { harmlessFrame(node); continue; }
      for (const { name, value } of [...node.attributes]) {
        const link = /^(xlink:)?(href|src)$/i.test(name);
        if (/^on|^(srcdoc|srcset|formaction|action|ping|autofocus|contenteditable|target|for|form|background|poster)$/i.test(name)
          || (link && !isHarmless(value, node.localName === "img" || node.localName === "image"))
          || (name === "id" && !node.closest("svg"))) node.removeAttribute(name);
      }
    }
    return root;
  }
  function harmlessFrame(node) {
    const { head = "", was } = node.dataset, page = node.getAttribute("srcdoc");
    if (!(page || was) || !node.classList.contains("sp-map") || (head && !isHarmless(head))) { node.replaceWith(waiting()); return; }
    const frame = make("iframe", "sp-map");
    frame.setAttribute("sandbox", "allow-scripts"); /* as on the live page: it cannot reach this one */
    frame.style.cssText = node.style.cssText;
    frame.title = node.title;
    if (head) frame.dataset.head = head;
    if (was) frame.dataset.was = was;
    else frame.setAttribute("srcdoc", page);
    node.replaceWith(frame);
  }
  /* What stands at the beginning of each map is with the browser already; figures are there before it. */
  async function drawMaps(frames) {
    for (const [place, frame, page] of frames) {
      const answer = await fetch(frame.dataset.head), head = answer.ok ? await answer.text() : "";
      frame.setAttribute("srcdoc", page.replace(HEAD, () => head));
      place.replaceWith(frame);
    }
  }
  const painted = () => new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 100); /* nobody looks, and nothing is painted */
  });
  function waiting() {
    const bars = make("div", "sp-skeleton");
    bars.append(make("i"), make("i"), make("i"));
    return bars;
  }

  /* ---- showing what was */
  const words = (seconds) => {
    const count = (n, unit) => `${n} ${unit}${n === 1 ? "" : "s"} ago`;
    if (seconds < 90) return "a moment ago";
    if (seconds < 5400) return count(Math.round(seconds / 60), "minute");
    if (seconds < 129600) return count(Math.round(seconds / 3600), "hour");
    return count(Math.round(seconds / 86400), "day");
  };
  const at = (seconds) => new Date(Date.now() - 1000 * seconds).toLocaleString([], seconds < 43200
    ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  let isShown = false, isOver = false;
  async function show() {
    const answer = await window.stormplayLast;
    if (answer?.status !== 200) return;
    const age = Number(answer.headers.get("Stormplay-Taken-S-Ago")), was = await answer.json();
    if (typeof was?.cells !== "object") return;
    const hosts = [...places()].filter((place) => typeof was.cells[place.dataset.cell] === "string").map((place) => {
      const host = make("div", "sp-was");
      host.inert = true;
      host.append(...harmless(new DOMParser().parseFromString(was.cells[place.dataset.cell], "text/html").body).childNodes);
      return [place, host];
    });
    const maps = hosts.flatMap(([, host]) => [...host.querySelectorAll("iframe[data-was]")].map((frame) => {
      const place = make("div", "sp-map");
      place.style.cssText = frame.style.cssText;
      frame.replaceWith(place);
      return [place, frame, String(was.maps?.[frame.dataset.was] ?? "")];
    }));
    if (isOver) return;
    const look = make("style");
    look.id = "sp-was-look";
    look.textContent = String(was.look ?? "");
    document.head.append(look);
    for (const [place, host] of hosts) {
      place.querySelector(".sp-skeleton")?.remove();
      place.classList.add("sp-has-was");
      place.prepend(host);
    }
    const told = make("span", "sp-was-age");
    told.textContent = `As of ${at(age)}, ${words(age)}`;
    document.getElementById("sp-doing")?.prepend(told);
    isShown = true;
    document.documentElement.dataset.last = "shown";
    await painted();
    performance.mark("stormplay-last");
    drawMaps(maps).catch(console.warn);
  }

  /* ---- what is live takes its place, all of it at once */
  const isDrawn = (node) => (node.localName === "iframe" ? node.dataset.ready : node.querySelector(".main-svg, table"));
  async function picturesAreThere() {
    const end = performance.now() + PICTURE_WAIT_MS;
    const missing = () => [...document.querySelectorAll("iframe.sp-map, .sp-chart")].some(
      (node) => !node.closest(".sp-was") && node.offsetParent !== null && !isDrawn(node));
    while (missing() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  function leave() {
    isOver = true;
    if (!isShown) return;
    isShown = false;
    document.querySelectorAll(".sp-was").forEach((node) => node.remove());
    places().forEach((place) => place.classList.remove("sp-has-was"));
    document.getElementById("sp-was-look")?.remove();
    document.querySelector(".sp-was-age")?.remove();
    delete document.documentElement.dataset.last;
  }

  /* ---- handing in what is */
  function taken(place, maps) {
    const copy = place.cloneNode(true), controls = "select,input,textarea,canvas,iframe";
    const twins = copy.querySelectorAll(controls);
    place.querySelectorAll(controls).forEach((node, number) => {
      const twin = twins[number];
      if (node.localName === "select") {
        [...twin.options].forEach((option, n) => option.toggleAttribute("selected", n === node.selectedIndex));
      } else if (node.localName === "input") {
        if (/^(checkbox|radio)$/.test(node.type)) twin.toggleAttribute("checked", node.checked);
        else if (/^(range|number)$/.test(node.type)) twin.setAttribute("value", node.value);
        else twin.removeAttribute("value"); /* what somebody has typed may be personal */
      } else if (node.localName === "textarea") twin.textContent = "";
      else if (node.localName === "canvas") {
        const picture = make("img", node.className);
        picture.alt = "";
        picture.style.cssText = node.style.cssText;
        picture.src = node.toDataURL();
        twin.replaceWith(picture);
      } else if (node.stormplayDocument && node.dataset.head && !node.dataset.moved) {
        twin.removeAttribute("srcdoc");
        twin.dataset.was = String(maps.push(node.stormplayDocument()) - 1);
      } else if (node.dataset.moved) twin.replaceWith(waiting()); /* it has changed since its document was made */
    });
    const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replace(AGO, "");
    return harmless(copy).innerHTML;
  }
  function look() {
    const main = document.getElementById("sp-main"), kept = [];
    const applies = (selector) => {
      try { return !!main.querySelector(selector.replace(/::?[a-z-]+(\([^)]*\))?/g, "") || "*"); } catch { return false; }
    };
    for (const sheet of document.styleSheets) {
      if (/\/static\/[^/]+\.css/.test(sheet.href ?? "")) continue; /* our own are here already */
      for (const rule of sheet.cssRules) {
        if (rule.selectorText === undefined) continue;
        if (/(^|[\s,])(:root|html|body)\b/.test(rule.selectorText) ? rule.cssText.includes("--") : applies(rule.selectorText)) {
          kept.push(rule.cssText);
        }
      }
    }
    return kept.join("\n");
  }
  const isFitToKeep = () => document.documentElement.dataset.state === "ready" && document.visibilityState === "visible"
    && !document.querySelector("#sp-main .sp-error")
    && ![...document.querySelectorAll(".sp-running")].some((node) => node.offsetParent !== null);
  let chosen = false, sentAt = -Infinity, calm, since;
  async function handIn() {
    if (!isFitToKeep() || typeof CompressionStream === "undefined") return;
    sentAt = performance.now();
    const began = performance.now(), now = location.search.slice(1), maps = [];
    const cells = Object.fromEntries([...places()].map((place) => [place.dataset.cell, taken(place, maps)]));
    const text = JSON.stringify({ look: look(), cells, maps });
    performance.measure("stormplay-taking", { start: began });
    const body = await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"))).blob();
    if (body.size > LARGEST_BYTES) return;
    const queries = new URLSearchParams((chosen ? [now] : [...new Set([asked, now])]).map((query) => ["query", query]));
    try {
      await fetch(`${config.baseUrl}voila/snapshot/${config.kernelId}?${queries}`, {
        method: "PUT", body, headers: { "X-XSRFToken": document.querySelector("input[name=_xsrf]")?.value ?? "" },
      });
      performance.mark("stormplay-kept");
    } catch { /* it is a comfort; the page is as good without */ }
  }
  function soon() {
    since ??= performance.now();
    clearTimeout(calm);
    const wait = Math.max(Math.min(CALM_MS, since + NOT_CALM_MS - performance.now()), sentAt + AGAIN_MS - performance.now());
    calm = setTimeout(() => {
      since = undefined;
      (window.requestIdleCallback ?? setTimeout)(handIn);
    }, Math.max(0, wait));
  }
  function watch() {
    new MutationObserver(soon).observe(document.getElementById("sp-main"), { subtree: true, childList: true, characterData: true });
    for (const kind of ["click", "change", "keydown"]) {
      document.getElementById("sp-main").addEventListener(kind, () => { chosen = true; }, { capture: true });
    }
    soon();
  }

  window.stormplaySnapshot = {
    /** What was is in view, or there is none. */
    shown: show().catch((error) => { console.warn(error); leave(); }),
    /** All is drawn: what is live takes the place of what was. */
    ready: async () => {
      if (isShown) await picturesAreThere();
      leave();
      setTimeout(watch);
    },
    /** Something went wrong: nothing old may hide it. */
    leave,
  };
})();
