/* The page's address: written as the kernel says, and told to the kernel where the reader goes back or forward. Links
 * to the other acts take along what those know of it (data-knows). */
function render({ model }) {
  let sent = 0;
  const here = () => location.search.replace(/^\?/, "");
  const lead = () => {
    const now = new URLSearchParams(location.search);
    for (const link of document.querySelectorAll("a[data-knows]")) {
      const known = link.dataset.knows.split(" ").filter((name) => name && now.has(name));
      const query = new URLSearchParams(known.map((name) => [name, now.get(name)])).toString();
      link.href = link.getAttribute("href").split("?")[0] + (query ? "?" + query : "");
    }
    const password = document.querySelector(".sp-person-name");
    if (password) {
      const next = encodeURIComponent(location.pathname + location.search);
      password.href = password.getAttribute("href").split("?")[0] + "?next=" + next;
    }
  };
  const write = () => {
    const query = model.get("query");
    if (!model.get("active") || model.get("heard") < sent) return; /* the reader is somewhere else by now, and will be answered */
    if (query !== here()) {
      const act = model.get("replaces") ? "replaceState" : "pushState";
      history[act]({ stormplay: true }, "", location.pathname + (query ? "?" + query : "") + location.hash);
    }
    lead();
  };
  const back = () => {
    if (!model.get("active")) return;
    sent += 1;
    lead();
    model.send({ went: here(), number: sent });
  };
  model.on("change:query change:heard", write);
  window.addEventListener("popstate", back);
  write();
  return () => {
    model.off("change:query change:heard", write);
    window.removeEventListener("popstate", back);
  };
}
export default { render };
