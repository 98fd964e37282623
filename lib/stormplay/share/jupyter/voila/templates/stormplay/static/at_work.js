/* Long work outlives its page: the server hears when something runs here, keeps the kernel where the page is left
 * meanwhile, and gives it back to who opens the page again. */
(() => {
  "use strict";
  const config = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const address = `${config.baseUrl}voila/api/work/${config.kernelId}`;
  const said = (state) => new URLSearchParams({
    state, query: location.search.slice(1), _xsrf: document.querySelector("input[name=_xsrf]")?.value ?? "",
  });
  const isRunning = () => [...document.querySelectorAll("#sp-main .sp-running")].some((node) => node.offsetParent !== null && !node.closest(".sp-was"));
  let told = false;
  async function tell() {
    const running = isRunning();
    if (running === told || document.documentElement.dataset.state !== "ready") return;
    told = running;
    try {
      await fetch(address, { method: "POST", body: said(running ? "running" : "over") });
    } catch { told = !running; } /* the next change says it again */
  }
  /* The front end ends the kernel when the page goes: not while it is at work. */
  const send = navigator.sendBeacon.bind(navigator);
  navigator.sendBeacon = (url, data) => (
    String(url).includes("voila/api/shutdown/") && isRunning() ? send(address, said("leaving")) : send(url, data));

  let waits = false;
  function soon() {
    if (waits) return;
    waits = true;
    setTimeout(() => { waits = false; tell(); });
  }
  window.stormplayAtWork = {
    /** The page is drawn: from now on what runs on it is told. What ran while nobody looked may be over. */
    watch: () => {
      told = config.atWork;
      new MutationObserver(soon).observe(document.getElementById("sp-main"), {
        subtree: true, childList: true, attributes: true, attributeFilter: ["style", "class"],
      });
      tell();
    },
  };
})();
