/* Draws a storm's jobs, or its homes, as dots coloured by status: one canvas for any number of them, since a hundred
 * thousand shapes of Leaflet's own would take seconds. A home's status is the band that its value lies in (a byte; 255:
 * none), so that what changes is a few bytes. Every text in `data` is untrusted and only ever becomes a text node. */
function stormplayJobs(map, data, page) {
  "use strict";
  const J = data.jobs, addresses = J.text ? J.text.split("\n") : null, NONE = 255, FRESH_MS = 900;
  const banded = (value) => (value === NONE ? 0 : 1 + J.edges.reduce((sum, edge) => sum + (value >= edge ? 1 : 0), 0));
  let n = J.lat.length, world = new Float64Array(2 * n), values = J.values ? Uint8Array.from(J.values) : null;
  let status = values ? values.map(banded) : Uint8Array.from(J.status);
  let south = 90, north = -90, west = 180, east = -180;
  let lat = 0, lon = 0;
  for (let i = 0; i < n; i++) { /* steps of 1e-5 degrees from one to the next */
    lat += J.lat[i]; lon += J.lon[i];
    put(i, lat / 1e5, lon / 1e5);
  }
  function put(i, north_of, east_of) {
    const at = map.project([north_of, east_of], 0);
    world[2 * i] = at.x; world[2 * i + 1] = at.y;
    south = Math.min(south, north_of); north = Math.max(north, north_of);
    west = Math.min(west, east_of); east = Math.max(east, east_of);
  }
  let chosen = -1, fresh = [], fading = 0, told = null;
  const radius = () => Math.min(7, Math.max(n > 20000 ? 1.2 : values ? 3 : 2.2, map.getZoom() - 10.5));

  const Dots = L.Layer.extend({
    onAdd() {
      this.canvas = L.DomUtil.create("canvas", "sp-dots leaflet-zoom-hide", map.getPane("overlayPane"));
      this.canvas.style.pointerEvents = "none";
      map.on("moveend zoomend resize viewreset", this.draw, this);
      this.draw();
    },
    onRemove() {
      map.off("moveend zoomend resize viewreset", this.draw, this);
      this.canvas.remove();
    },
    draw() {
      const size = map.getSize(), ratio = window.devicePixelRatio || 1, canvas = this.canvas;
      canvas.width = size.x * ratio; canvas.height = size.y * ratio;
      canvas.style.width = size.x + "px"; canvas.style.height = size.y + "px";
      L.DomUtil.setPosition(canvas, map.containerPointToLayerPoint([0, 0]));
      const ctx = canvas.getContext("2d"), r = radius(), turn = 2 * Math.PI;
      ctx.scale(ratio, ratio);
      ctx.globalAlpha = 0.4;
      for (const i of fresh) { /* what has just changed, for a moment */
        const [x, y] = place(i);
        ctx.beginPath(); ctx.arc(x, y, r + 3, 0, turn);
        ctx.fillStyle = J.statuses[status[i]].colour;
        ctx.fill();
      }
      ctx.globalAlpha = 1;
      J.statuses.forEach((kind, code) => {
        const size = kind.quiet ? Math.max(1, 0.7 * r) : r;
        ctx.beginPath();
        eachSeen((i, x, y) => {
          if (status[i] !== code) return;
          if (size < 2) { ctx.rect(x - size, y - size, 2 * size, 2 * size); return; }
          ctx.moveTo(x + size, y); ctx.arc(x, y, size, 0, turn);
        });
        ctx.fillStyle = kind.colour;
        ctx.fill();
        if (r >= (values ? 5 : 3)) { /* homes lie closer than jobs: thin outlines would cover them */ ctx.lineWidth = 1; ctx.strokeStyle = "#ffffff"; ctx.stroke(); }
      });
      if (chosen < 0) return;
      const [x, y] = place(chosen);
      ctx.beginPath(); ctx.arc(x, y, r + 5, 0, turn); ctx.lineWidth = 3; ctx.strokeStyle = "#111827"; ctx.stroke();
      ctx.beginPath(); ctx.arc(x, y, r + 2, 0, turn); ctx.lineWidth = 2; ctx.strokeStyle = "#ffffff"; ctx.stroke();
    },
  });
  const scaled = () => ({ k: Math.pow(2, map.getZoom()), origin: map.getPixelOrigin(), pane: map.layerPointToContainerPoint([0, 0]) });
  function place(i) {
    const { k, origin, pane } = scaled();
    return [world[2 * i] * k - origin.x + pane.x, world[2 * i + 1] * k - origin.y + pane.y];
  }
  function eachSeen(act) {
    const { k, origin, pane } = scaled(), size = map.getSize(), dx = pane.x - origin.x, dy = pane.y - origin.y;
    for (let i = 0; i < n; i++) {
      const x = world[2 * i] * k + dx, y = world[2 * i + 1] * k + dy;
      if (x > -9 && y > -9 && x < size.x + 9 && y < size.y + 9) act(i, x, y);
    }
  }
  const dots = new Dots().addTo(map);

  function nearest(point) {
    let best = -1, least = page.coarse.matches ? 22 : 11;
    eachSeen((i, x, y) => {
      const away = Math.hypot(x - point.x, y - point.y);
      if (away < least) { least = away; best = i; }
    });
    return best;
  }
  map.on("click", (event) => {
    const found = nearest(event.containerPoint);
    if (found < 0) return;
    choose(found, true);
    tell(found);
  });
  map.on("mousemove", (event) => { map.getContainer().style.cursor = nearest(event.containerPoint) < 0 ? "" : "pointer"; });
  function tell(i) {
    told = L.popup({ maxWidth: 240, autoPanPadding: [12, 12], offset: [0, -4] })
      .setLatLng(map.unproject([world[2 * i], world[2 * i + 1]], 0)).setContent(saying(i)).openOn(map);
  }
  function saying(i) {
    const named = (addresses && addresses[i]) || J.noun || "Job", kind = J.statuses[status[i]];
    if (!values) return page.lines(named, kind.text);
    return page.lines(named, kind.said, values[i] === NONE ? "" : "Storm impact index: " + values[i] + " of 100");
  }
  function choose(i, say) {
    if (i === chosen) return;
    chosen = i;
    dots.draw();
    if (say) page.post({ stormplay: "selected", route: i < 0 ? null : String(i) });
  }
  /* More homes than the map was made with; those that it knows already are skipped. */
  function add(first, more) {
    const before = n, total = first + more.lat.length;
    if (total <= before) return;
    const places = new Float64Array(2 * total), kept = new Uint8Array(total).fill(NONE), bands = new Uint8Array(total);
    places.set(world); kept.set(values); bands.set(status);
    world = places; values = kept; status = bands; n = total;
    for (let i = before; i < total; i++) put(i, more.lat[i - first], more.lon[i - first]);
    if (addresses) addresses.push(...more.text.slice(before - first));
  }
  const swatches = [];
  const counted = () => { const c = J.statuses.map(() => 0); status.forEach((code) => { c[code]++; }); return c; };
  return {
    bounds: n ? L.latLngBounds([[south, west], [north, east]]) : null,
    get count() { return n; },
    counts: counted,
    moves: values !== null,
    select(id) {
      const i = id === null || id === "" ? -1 : Number(id);
      if (i === chosen || i >= n) return;
      choose(i, false);
      if (i < 0) { map.closePopup(); return; }
      const [x, y] = place(i), size = map.getSize();
      if (x < 20 || y < 20 || x > size.x - 20 || y > size.y - 20) map.panTo(map.unproject([world[2 * i], world[2 * i + 1]], 0), { animate: false });
    },
    update(changes) {
      Object.entries(changes).forEach(([i, code]) => { status[Number(i)] = code; });
      dots.draw();
      const counts = counted();
      swatches.forEach((write) => write(counts));
      map.closePopup();
    },
    /* Other values of some homes, or of all, without another map: view, zoom and an open popup stay. */
    move({ at, values: given, first, added }) {
      if (added) add(first, added);
      const changed = [];
      given.forEach((value, k) => {
        const i = at ? at[k] : k;
        if (i >= n || values[i] === value) return;
        values[i] = value; status[i] = banded(value);
        changed.push(i);
      });
      if (!changed.length && !added) return;
      clearTimeout(fading);
      fresh = !at || changed.length > 2000 ? [] : changed; /* a halo around everything would be noise */
      if (fresh.length) fading = setTimeout(() => { fresh = []; dots.draw(); }, FRESH_MS);
      dots.draw();
      const counts = counted();
      swatches.forEach((write) => write(counts));
      if (told && map.hasLayer(told) && changed.includes(chosen)) told.setContent(saying(chosen));
    },
    legend(list, row, make) {
      list.append(make("b", "", J.title || "Jobs by status"));
      const now = counted();
      J.statuses.forEach((kind, code) => {
        const swatch = make("i", "sp-dot-key");
        swatch.style.background = kind.colour;
        const line = row(list, swatch, ""), write = (counts) => {
          line.lastChild.textContent = kind.text + ": " + counts[code].toLocaleString("en-US");
          line.hidden = !counts[code] && !values; /* a map that moves must not change its height */
        };
        write(now);
        swatches.push(write);
      });
    },
  };
}
