/* A map document in a sandboxed frame; the selected route goes in and out by messages. */
function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.className = "sp-map";
  frame.setAttribute("sandbox", "allow-scripts"); /* no access to this page, whatever an address contains */
  const load = () => {
    const height = model.get("height");
    frame.style.cssText = "display:block;width:100%;border:0;border-radius:8px;max-height:85vh;height:clamp(380px,60vw," + height + "px)";
    frame.title = model.get("label");
    frame.srcdoc = model.get("document");
  };
  const tell = () => {
    if (frame.contentWindow) frame.contentWindow.postMessage({ stormplay: "select", route: model.get("selected") || null }, "*");
  };
  const note = () => {
    if (frame.contentWindow) frame.contentWindow.postMessage({ stormplay: "notes", notes: model.get("notes") }, "*");
  };
  const hear = (event) => {
    if (event.source !== frame.contentWindow || !event.data) return;
    if (event.data.stormplay === "ready") tell();
    if (event.data.stormplay === "selected") {
      model.set("selected", typeof event.data.route === "string" ? event.data.route : "");
      model.save_changes();
    }
  };
  window.addEventListener("message", hear);
  model.on("change:document", load);
  model.on("change:selected", tell);
  model.on("change:notes", note);
  load();
  el.append(frame);
  return () => {
    window.removeEventListener("message", hear);
    model.off("change:document", load);
    model.off("change:selected", tell);
    model.off("change:notes", note);
  };
}
export default { render };
