/* What each longer table can do, whether its rows are drawn here or came as HTML: order, find, count, take along. */
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const DATE = /(\d{1,2}) (\w{3}) (\d{4})(?:, (\d\d):(\d\d)(?::(\d\d))?)?/;
function part(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}
/* What a text is ordered by: days as days, '12.5 % (…)' as its number where the column has numbers, 'Route 9' before 'Route 10'. */
function orderOf(text, isNumber) {
  const day = DATE.exec(text);
  if (day && MONTHS.includes(day[2])) {
    return Date.UTC(+day[3], MONTHS.indexOf(day[2]), +day[1], +(day[4] || 0), +(day[5] || 0), +(day[6] || 0));
  }
  if (isNumber) {
    const number = parseFloat(text.replace(/[,\s]/g, "").replace("−", "-"));
    return Number.isNaN(number) ? -Infinity : number;
  }
  return text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, "0"));
}
/* Numbers before words; equal ones stay as they came. */
function inOrder(places, keys, ascending) {
  const sign = ascending ? 1 : -1;
  return places.sort((a, b) => {
    const x = keys[a], y = keys[b];
    if (typeof x !== typeof y) return sign * (typeof x === "number" ? -1 : 1);
    return x < y ? -sign : x > y ? sign : a - b;
  });
}
function heading(cell, label, at, order, press) {
  const button = part("button", "sp-sort", label);
  button.type = "button";
  cell.scope = "col";
  cell.setAttribute("aria-sort", order[0] !== at ? "none" : order[1] ? "ascending" : "descending");
  button.addEventListener("click", () => press(order[0] === at ? [at, !order[1]] : [at, true]));
  cell.replaceChildren(button);
}
/* The field above a table, what is below it, and their doings. */
function tools(label, { find, take }) {
  const search = part("input", "sp-search"), count = part("span", "sp-count"), csv = part("button", "sp-csv", "Save as CSV");
  const below = part("div", "sp-below");
  let waits = 0;
  search.type = "search";
  search.placeholder = "Find …";
  search.setAttribute("aria-label", "Find in the table" + (label ? " " + label : ""));
  count.setAttribute("role", "status");
  csv.type = "button";
  csv.title = "What the table shows now, safe in a spreadsheet";
  if (label) csv.setAttribute("aria-label", "Save as CSV: " + label);
  search.addEventListener("keydown", (event) => event.stopPropagation());
  search.addEventListener("input", () => { clearTimeout(waits); find(search.value.trim().toLowerCase(), false); waits = setTimeout(() => find(search.value.trim().toLowerCase(), true), 400); });
  csv.addEventListener("click", take);
  below.append(count, csv);
  return { search, count, csv, below };
}
function counted(shown, all) {
  return (shown === all ? all.toLocaleString("en-US") : shown.toLocaleString("en-US") + " of " + all.toLocaleString("en-US")) + (all === 1 ? " row" : " rows");
}
/* The kernel has made a file: hand it to the reader's browser; or it says why not, where the table counts its rows. */
function save(message, said) {
  if (typeof message.fault === "string") said.textContent = message.fault;
  if (typeof message.csv !== "string") return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", message.csv], { type: "text/csv;charset=utf-8" }));
  link.download = message.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
