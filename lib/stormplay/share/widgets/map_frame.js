/* A map document in a sandboxed frame; the selected route goes in and out by messages, and so do dots that change, and
 * whatever else is drawn in its place. */
const HEAD = "<!-- stormplay: head -->", DRAWN = /stormplayDraw\((\w+), \{[^<]*\}\);/; /* no payload holds a `<` */
const heads = new Map();
function headFrom(address) {
  if (!heads.has(address)) heads.set(address, fetch(address).then((answer) => {
    if (!answer.ok) throw new Error("the map's scripts did not arrive");
    return answer.text();
  }));
  heads.get(address).catch(() => heads.delete(address)); /* the next map asks again */
  return heads.get(address);
}
/* From the kernel: a head that the server does not send, a document that went ahead and is not here any more. */
const asked = (model, need) => new Promise((resolve) => {
  const hear = (content) => {
    if (typeof content?.[need] !== "string") return;
    model.off("msg:custom", hear);
    resolve(content[need]);
  };
  model.on("msg:custom", hear);
  model.send({ need });
});
const attached = async (node, isOver) => {
  while (!node.isConnected && !isOver()) await new Promise((resolve) => setTimeout(resolve, 10));
};
function render({ model, el }) {
  let frame, drawn, page, isReady, loads = 0;
  const load = async () => {
    const turn = ++loads, address = model.get("source"), key = model.get("ahead"), isOver = () => turn !== loads;
    const before = key ? window.stormplayAhead?.take(key) : undefined;
    page = before?.document ?? (key ? await asked(model, "document") : model.get("document"));
    if (before?.frame) {
      await attached(el, isOver);
      if (!isOver() && takeOver(before.frame, address)) return;
      before.frame.remove();
    }
    const head = address ? await headFrom(address).catch(() => asked(model, "head")) : "";
    if (isOver()) return; /* another document has come meanwhile */
    isReady = false;
    drawn = model.get("payload");
    /* A frame for each document: a browser that is still busy with one may lose the next. */
    const next = document.createElement("iframe");
    next.className = "sp-map";
    next.setAttribute("sandbox", "allow-scripts"); /* no access to this page, whatever an address contains */
    next.style.cssText = "display:block;width:100%;border:0;border-radius:8px;max-height:85vh;height:clamp(380px,60vw," + model.get("height") + "px)";
    next.title = model.get("label");
    next.srcdoc = whole(head);
    if (frame) frame.replaceWith(next);
    else el.append(next);
    own(next, address);
  };
  const own = (next, address) => {
    frame = next;
    frame.dataset.head = address;
    frame.stormplayDocument = () => whole(HEAD); /* what it shows, for `snapshot.js`, without what the server has */
  };
  /* The map that was drawn before the widget was there, as the reader has it. */
  const takeOver = (next, address) => {
    try { el.moveBefore(next, null); } catch { return false; }
    frame?.remove();
    own(next, address);
    frame.inert = false;
    drawn = "";
    isReady = frame.dataset.ready === "true";
    if (isReady) begin();
    return true;
  };
  const whole = (head) => {
    const payload = model.get("payload"), document = page.replace(HEAD, () => head);
    return payload ? document.replace(DRAWN, (_, map) => `stormplayDraw(${map}, ${payload});`) : document;
  };
  const draw = () => {
    if (!frame || !isReady || model.get("payload") === drawn) return;
    drawn = model.get("payload");
    post({ stormplay: "draw", data: drawn }); /* as text: an object would be copied twice */
  };
  const post = (message) => frame?.contentWindow?.postMessage(message, "*");
  const tell = () => post({ stormplay: "select", route: model.get("selected") || null });
  const note = () => {
    if (!frame) return; /* it is told when it listens */
    frame.dataset.moved = "true";
    post({ stormplay: "notes", notes: model.get("notes"), stops: model.get("stops") });
  };
  /* What came while it was not listening yet. */
  const begin = () => {
    const { classList, dataset } = document.body; /* our own pages tell their maps themselves */
    if (!classList.contains("sp-page") && dataset.jpThemeLight === "false") post({ stormplay: "theme", theme: "dark" });
    draw();
    if (Object.keys({ ...model.get("notes"), ...model.get("stops") }).length) note();
    tell();
    if (model.get("moves")) model.send({ need: "dots" }); /* what has changed since the document was made */
  };
  const hear = (event) => {
    if (!frame || event.source !== frame.contentWindow || !event.data) return;
    if (event.data.stormplay === "ready") {
      frame.dataset.ready = "true";
      isReady = true;
      begin();
    }
    if (event.data.stormplay === "selected") {
      model.set("selected", typeof event.data.route === "string" ? event.data.route : "");
      model.save_changes();
    }
  };
  const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const move = (content, buffers) => {
    if (content?.dots === undefined) return;
    const values = bytes(buffers[0]).slice(), at = buffers[1] ? new Uint32Array(bytes(buffers[1]).slice().buffer) : null;
    if (frame) frame.dataset.moved = "true"; /* its document alone is no longer what is seen */
    post({ stormplay: "dots", values, at, first: content.first, added: content.added });
  };
  const failed = (error) => {
    console.warn(error);
    el.textContent = "The map did not arrive. Reload the page.";
  };
  const reload = () => load().catch(failed);
  const name = () => { if (frame) frame.title = model.get("label"); };
  reload();
  window.addEventListener("message", hear);
  model.on("change:document", reload);
  model.on("change:ahead", reload);
  model.on("change:payload", draw);
  model.on("change:label", name);
  model.on("change:selected", tell);
  model.on("change:notes", note);
  model.on("msg:custom", move);
  model.on("change:stops", note);
  return () => {
    window.removeEventListener("message", hear);
    loads += 1;
    model.off("change:document", reload);
    model.off("change:ahead", reload);
    model.off("change:payload", draw);
    model.off("change:label", name);
    model.off("change:selected", tell);
    model.off("change:notes", note);
    model.off("msg:custom", move);
    model.off("change:stops", note);
  };
}
export default { render };
