/* A map document in a sandboxed frame; the selected route goes in and out by messages, and so do dots that change. */
function render({ model, el }) {
  let frame;
  const load = () => {
    /* A frame for each document: a browser that is still busy with one may lose the next. */
    const next = document.createElement("iframe");
    next.className = "sp-map";
    next.setAttribute("sandbox", "allow-scripts"); /* no access to this page, whatever an address contains */
    next.style.cssText = "display:block;width:100%;border:0;border-radius:8px;max-height:85vh;height:clamp(380px,60vw," + model.get("height") + "px)";
    next.title = model.get("label");
    next.srcdoc = model.get("document");
    if (frame) frame.replaceWith(next);
    else el.append(next);
    frame = next;
  };
  const post = (message) => frame.contentWindow?.postMessage(message, "*");
  const tell = () => post({ stormplay: "select", route: model.get("selected") || null });
  const note = () => {
    frame.dataset.moved = "true";
    post({ stormplay: "notes", notes: model.get("notes"), stops: model.get("stops") });
  };
  const hear = (event) => {
    if (event.source !== frame.contentWindow || !event.data) return;
    if (event.data.stormplay === "ready") {
      frame.dataset.ready = "true";
      if (Object.keys({ ...model.get("notes"), ...model.get("stops") }).length) note(); /* what was said while it was not listening yet */
      tell();
      if (model.get("moves")) model.send({ need: "dots" }); /* what has changed since the document was made */
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
    frame.dataset.moved = "true"; /* its document alone is no longer what is seen */
    post({ stormplay: "dots", values, at, first: content.first, added: content.added });
  };
  load();
  window.addEventListener("message", hear);
  model.on("change:document", load);
  model.on("change:selected", tell);
  model.on("change:notes", note);
  model.on("msg:custom", move);
  model.on("change:stops", note);
  return () => {
    window.removeEventListener("message", hear);
    model.off("change:document", load);
    model.off("change:selected", tell);
    model.off("change:notes", note);
    model.off("msg:custom", move);
    model.off("change:stops", note);
  };
}
export default { render };
