/* One field that suggests while one types. Every value becomes a text node, never markup. */
const WAIT_MS = 90; /* after the last key, before the kernel is asked */
function render({ model, el }) {
  let timer = 0, active = -1, asked = "", number = Math.random().toString(36).slice(2);
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const box = make("div", "sp-look"), label = make("label", "sp-look-label"), line = make("div", "sp-look-line");
  const field = make("input", "sp-look-field"), go = make("button", "sp-look-go jupyter-button mod-primary", "Open");
  const said = make("p", "sp-note sp-look-said"), list = make("ul", "sp-look-list");
  field.type = "search";
  field.id = `sp-look-${number}`;
  field.autocomplete = "off";
  field.spellcheck = false;
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", `sp-look-list-${number}`);
  label.htmlFor = field.id;
  list.id = `sp-look-list-${number}`;
  list.setAttribute("role", "listbox");
  said.setAttribute("role", "status");
  go.type = "button";
  line.append(field, go);
  box.append(label, line, said, list);
  el.append(box);

  const options = () => [...list.querySelectorAll("[role=option]")];
  function mark(place) {
    const all = options();
    active = all.length ? (place + all.length) % all.length : -1;
    all.forEach((one, i) => one.setAttribute("aria-selected", String(i === active)));
    if (active >= 0) {
      field.setAttribute("aria-activedescendant", all[active].id);
      const one = all[active]; /* into the list's own view, without moving the page */
      if (one.offsetTop < list.scrollTop) list.scrollTop = one.offsetTop;
      else if (one.offsetTop + one.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = one.offsetTop + one.offsetHeight - list.clientHeight;
    }
  }
  function unmark() { /* what is typed from now on means itself, not what was chosen before */
    active = -1;
    options().forEach((one) => one.setAttribute("aria-selected", "false"));
    field.removeAttribute("aria-activedescendant");
  }
  function pick(id) {
    clearTimeout(timer);
    unmark();
    model.send({ pick: id });
  }
  function enter() {
    clearTimeout(timer);
    if (active >= 0) pick(options()[active].dataset.id);
    else {
      asked = field.value;
      model.send({ enter: field.value });
    }
  }
  function ask() {
    clearTimeout(timer);
    unmark();
    timer = setTimeout(() => {
      if (field.value === asked) return;
      asked = field.value;
      model.send({ ask: field.value });
    }, WAIT_MS);
  }
  function draw() {
    const rows = model.get("rows");
    list.replaceChildren(...rows.map((row, i) => {
      const item = make("li", "sp-look-row");
      item.id = `sp-look-${number}-${i}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      item.dataset.id = row.id;
      item.append(make("span", "sp-look-title", row.title), make("span", "sp-look-detail", row.detail));
      item.addEventListener("click", () => pick(row.id));
      return item;
    }));
    list.hidden = !rows.length;
    list.scrollTop = 0;
    list.setAttribute("aria-label", model.get("label"));
    field.setAttribute("aria-expanded", String(rows.length > 0));
    said.textContent = model.get("said");
    said.hidden = !model.get("said");
    unmark();
  }
  function words() {
    label.textContent = model.get("label");
    field.placeholder = model.get("placeholder");
    go.textContent = model.get("action");
    field.disabled = go.disabled = model.get("disabled");
  }
  function typed() {
    const is_still = document.activeElement !== field || field.value === asked; /* nobody has typed on meanwhile */
    if (is_still || model.get("value") === "") field.value = asked = model.get("value");
  }
  field.addEventListener("input", ask);
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "ArrowDown") mark(active + 1);
    else if (event.key === "ArrowUp") mark(active < 0 ? options().length - 1 : active - 1);
    else if (event.key === "Enter") enter();
    else if (event.key === "Escape" && list.childNodes.length) model.send({ close: true });
    else return;
    event.preventDefault();
  });
  go.addEventListener("click", enter);
  const drawn = ["change:rows", "change:said"], said_so = ["change:label", "change:placeholder", "change:disabled"];
  drawn.forEach((name) => model.on(name, draw));
  said_so.forEach((name) => model.on(name, words));
  model.on("change:value", typed);
  words();
  draw();
  typed();
  return () => {
    clearTimeout(timer);
    drawn.forEach((name) => model.off(name, draw));
    said_so.forEach((name) => model.off(name, words));
    model.off("change:value", typed);
  };
}
export default { render };
