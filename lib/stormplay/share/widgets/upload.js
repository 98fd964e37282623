/* Hands files to the kernel, one at a time, and says what became of each. Nothing of a file is shown or read here. */
function render({ model, el }) {
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const box = make("div", "sp-upload"), input = make("input"), label = make("label", "sp-button", model.get("label"));
  const hint = make("span", "sp-note", model.get("hint")), list = make("ul", "sp-upload-list");
  input.type = "file";
  input.className = "sp-upload-input";
  input.id = "sp-upload-" + Math.random().toString(36).slice(2);
  label.htmlFor = input.id;
  list.setAttribute("aria-live", "polite");
  box.append(input, label, hint, list);
  el.append(box);
  const waiting = [];
  let current = null;
  function look() {
    input.accept = model.get("accept");
    input.multiple = model.get("multiple");
    input.disabled = model.get("disabled");
    label.classList.toggle("sp-off", model.get("disabled"));
    hint.textContent = model.get("hint");
  }
  function next() {
    if (current || !waiting.length) return;
    current = waiting.shift();
    current.line.lastChild.textContent = "sending …";
    current.file.arrayBuffer().then(
      (data) => model.send({ file: current.id, name: current.file.name }, undefined, [new DataView(data)]),
      () => told({ file: current.id, ok: false, text: "This file could not be read from the device." }),
    );
  }
  function told(answer) {
    if (!current || answer.file !== current.id) return;
    current.line.className = answer.ok ? "sp-ok" : "sp-no";
    const name = current.file.name; /* it stands in front already */
    current.line.lastChild.textContent = answer.text.startsWith(name) ? answer.text.slice(name.length).trim() : answer.text;
    current = null;
    next();
  }
  function take(files) {
    list.replaceChildren();
    const most = model.get("most_mb");
    [...files].forEach((file) => {
      const line = make("li");
      line.append(make("b", "", file.name), " ", make("span", "", "waiting"));
      list.append(line);
      if (file.size > most * 1048576) {
        line.className = "sp-no";
        line.lastChild.textContent = "has " + (file.size / 1048576).toFixed(0) + " MB; at most " + most + " MB can be sent.";
      } else waiting.push({ id: Math.random().toString(36).slice(2), file, line });
    });
    next();
  }
  input.addEventListener("change", () => { take(input.files); input.value = ""; });
  box.addEventListener("dragover", (event) => { event.preventDefault(); box.classList.add("sp-over"); });
  box.addEventListener("dragleave", () => box.classList.remove("sp-over"));
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    box.classList.remove("sp-over");
    if (!model.get("disabled")) take(model.get("multiple") ? event.dataTransfer.files : [...event.dataTransfer.files].slice(0, 1));
  });
  const clear = () => { if (!current) list.replaceChildren(); };
  model.on("msg:custom", told);
  model.on("change:subject", clear);
  ["accept", "multiple", "disabled", "hint"].forEach((name) => model.on("change:" + name, look));
  look();
  return () => {
    model.off("msg:custom", told);
    model.off("change:subject", clear);
    ["accept", "multiple", "disabled", "hint"].forEach((name) => model.off("change:" + name, look));
  };
}
export default { render };
