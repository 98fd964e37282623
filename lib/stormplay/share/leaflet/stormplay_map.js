/* Draws a storm's routes on a Leaflet map from columns: one loop, one canvas, no request.
 * `data` is made by stormplay.maps; every text in it is untrusted and only ever becomes a text node. */
function stormplayDraw(map, data) {
  "use strict";
  const DIM = 0.16, NUMBERS_FROM_ZOOM = 17;
  const coarse = window.matchMedia("(pointer: coarse)"), over = new AbortController(), { signal } = over;
  const canvas = new stormplayCanvas({ padding: 0.3, tolerance: coarse.matches ? 12 : 4 });
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined && text !== null) node.textContent = text;
    return node;
  };
  const lines = (...texts) => {
    const box = make("div", "sp-pop");
    texts.filter(Boolean).forEach((text, i) => box.append(make(i ? "div" : "strong", "", text)));
    return box;
  };
  const inches = (hail) => (hail === null ? "not known" : hail.toFixed(2) + " in");
  for (const [name, z] of [["grid", 310], ["swath", 320], ["zips", 450]]) {
    Object.assign(map.createPane(name).style, { zIndex: z, pointerEvents: "none" });
  }

  /* ---- the ground: a mile grid that pans and zooms with the map, so an empty background still says how far */
  const grid = L.polyline([], { pane: "grid", renderer: L.svg({ pane: "grid", padding: 0.5 }),
    color: "#dfe4ea", weight: 1, interactive: false }).addTo(map);
  const gridLabel = make("div", "sp-grid-label");
  function drawGrid() {
    const bounds = map.getBounds().pad(0.5), degreesPerMile = 1 / 69.0;
    const pixelsPerDegree = map.getSize().y / Math.max(1e-9, map.getBounds().getNorth() - map.getBounds().getSouth());
    const miles = [0.1, 0.25, 0.5, 1, 2, 5, 10, 25, 50, 100].find((m) => m * degreesPerMile * pixelsPerDegree > 70) || 250;
    const dLat = miles * degreesPerMile;
    const middle = Math.round(map.getCenter().lat); /* one stretch for the whole area, or the lines would shear */
    const dLon = dLat / Math.max(0.05, Math.cos(middle * Math.PI / 180));
    const drawn = [], s = bounds.getSouth(), n = bounds.getNorth(), w = bounds.getWest(), e = bounds.getEast();
    for (let k = Math.ceil(s / dLat); k * dLat < n && drawn.length < 400; k++) drawn.push([[k * dLat, w], [k * dLat, e]]);
    for (let k = Math.ceil(w / dLon); k * dLon < e && drawn.length < 800; k++) drawn.push([[s, k * dLon], [n, k * dLon]]);
    grid.setLatLngs(drawn);
    gridLabel.textContent = "Grid: " + miles + (miles === 1 ? " mile" : " miles");
  }

  /* ---- modelled hail bands: nested, so each inner band shows deeper */
  const levels = [], bandColour = {};
  if (data.contours) {
    const all = data.contours.features.map((f) => f.properties.hail_in);
    levels.push(...[...new Set(all)].sort((a, b) => a - b));
    levels.forEach((level, i) => { bandColour[level] = data.bands[Math.min(i, data.bands.length - 1)]; });
    L.geoJSON(data.contours, {
      pane: "swath", interactive: false, renderer: L.svg({ pane: "swath", padding: 0.5 }),
      style: (f) => ({ fillColor: bandColour[f.properties.hail_in], fillOpacity: data.band_opacity,
        color: bandColour[f.properties.hail_in], opacity: 0.55, weight: 1 }),
    }).addTo(map);
  }
  const zips = data.zips.zip.map((zip, i) => L.marker([data.zips.lat[i], data.zips.lon[i]], {
    pane: "zips", interactive: false, keyboard: false,
    icon: L.divIcon({ className: "sp-zip", html: make("span", "", zip), iconSize: [0, 0] }),
  }).addTo(map));

  /* ---- routes: columns in, canvas shapes out */
  const R = data.routes, S = data.stops, streets = S.head.length ? S.head.split("\n") : [];
  let chosen = -1, cursor = 0, lat = 0, lon = 0;
  const legs = L.featureGroup(), paths = L.featureGroup();
  const routes = R.id.map((id, index) => {
    const route = { id, index, name: R.name[index], colour: R.colour[index], note: R.note[index], stops: [] };
    const points = [];
    for (let i = 0; i < R.count[index]; i++, cursor++) {
      lat += S.lat[cursor]; lon += S.lon[cursor];
      points.push([lat / 1e5, lon / 1e5]);
      const [north, east] = points[i], { done } = S.statuses[S.status[cursor]];
      route.stops.push({ route, done, cursor, lat: north, lon: east, number: S.seq ? S.seq[cursor] : i + 1, x: 0, y: 0, numbered: false });
    }
    route.path = L.polyline(points, { renderer: canvas, color: route.colour, weight: 2.5, opacity: 0.9, smoothFactor: 0,
      bubblingMouseEvents: false });
    route.path.route = route;
    paths.addLayer(route.path);
    if (data.depot && points.length) {
      route.leg = L.polyline([[data.depot, points[0]], [points[points.length - 1], data.depot]], { renderer: canvas,
        color: route.colour, weight: 1, opacity: 0.2, dashArray: "3 6", interactive: false });
      legs.addLayer(route.leg);
    }
    return route;
  });
  const every = routes.flatMap((route) => route.stops), look = {
    radius: (stop) => (map.getZoom() >= NUMBERS_FROM_ZOOM || stop.numbered ? 9
      : Math.max(2.2, map.getZoom() - 10.5) + (stop.route.index === chosen ? 1 : 0)),
    opacity: (stop) => (chosen >= 0 && stop.route.index !== chosen ? DIM : 1),
  };
  const stops = new stormplayStops(every, look, { renderer: canvas }); /* of all routes; of the others where one is chosen */
  const own = new stormplayStops([], look, { renderer: canvas }); /* of the chosen route, above its line */

  const jobs = data.jobs ? stormplayJobs(map, data, { coarse, lines, post }) : null;

  /* ---- what to look at: the chosen route, else all stops, reports and the depot, else the bands */
  const H = data.reports;
  let moved = false, fitted = "";
  function view() {
    if (chosen >= 0 && routes[chosen].stops.length) return routes[chosen].path.getBounds();
    const bounds = L.latLngBounds([]);
    routes.forEach((route) => bounds.extend(route.path.getBounds()));
    H.hail_in.forEach((_, i) => bounds.extend([H.lat[i], H.lon[i]]));
    if (data.depot) bounds.extend(data.depot);
    if (jobs && jobs.bounds) return jobs.bounds; /* who looks for a job has no use for a report forty miles away */
    if (!routes.length && data.contours) bounds.extend(L.geoJSON(data.contours).getBounds());
    return bounds;
  }
  function fit() {
    const bounds = view(), narrow = map.getSize().x < 500;
    if (bounds.isValid()) map.fitBounds(bounds, {
      paddingTopLeft: chosen >= 0 ? [48, 84] : narrow ? [14, 22] : [34, 34], paddingBottomRight: narrow ? [14, 44] : [34, 34], maxZoom: 17, animate: false,
    });
    moved = false;
    fitted = String(map.getSize());
  }
  fit(); /* before thousands of shapes are there: each would be placed twice */
  legs.addTo(map); paths.addTo(map); stops.addTo(map); own.addTo(map);

  /* ---- territories: the hull of each route's stops; where two lie in each other, crews would cross */
  const turn = (o, a, b) => (a.lng - o.lng) * (b.lat - o.lat) - (a.lat - o.lat) * (b.lng - o.lng);
  function hull(points) {
    const sorted = points.slice().sort((a, b) => a.lng - b.lng || a.lat - b.lat);
    const half = (list) => list.reduce((kept, point) => {
      while (kept.length > 1 && turn(kept[kept.length - 2], kept[kept.length - 1], point) <= 0) kept.pop();
      kept.push(point);
      return kept;
    }, []).slice(0, -1);
    return [...half(sorted), ...half(sorted.reverse())];
  }
  const territories = L.featureGroup();
  function showTerritories(on) {
    if (!on) { territories.remove(); return; }
    if (!territories.getLayers().length) routes.filter((route) => route.stops.length > 2).forEach((route) => {
      territories.addLayer(L.polygon(hull(route.path.getLatLngs()), { renderer: canvas, color: route.colour,
        weight: 1.5, opacity: 0.8, fillColor: route.colour, fillOpacity: 0.16, interactive: false }));
    });
    territories.addTo(map);
    territories.eachLayer((layer) => layer.bringToBack());
  }

  /* ---- what a stop says; one popup and one tooltip for all of them */
  const hover = L.tooltip({ direction: "top", offset: [0, -6], className: "sp-tip" });
  const address = (stop) => (streets[stop.cursor] + " " + S.tails[S.tail[stop.cursor]]).trim() || "no address";
  const describe = (stop) => lines(
    stop.number + " · " + address(stop), stop.route.name,
    "Modelled hail: " + inches(S.hail[stop.cursor] === null ? null : S.hail[stop.cursor] / 100),
    "Status: " + S.statuses[S.status[stop.cursor]].text, S.no.includes(stop.cursor) && "Said no since: do not knock");
  const describeRoute = (route) => lines(route.name, route.note);
  const tell = (content, e) => { hover.setContent(content).setLatLng(e.latlng); map.openTooltip(hover); };
  paths.on("mouseover mousemove", (e) => tell(describeRoute(e.layer.route), e)).on("mouseout", () => map.closeTooltip(hover));
  paths.on("click", (e) => choose(e.layer.route.index, true));
  for (const layer of [stops, own]) {
    let told;
    layer.on("mouseover mousemove", (e) => {
      const stop = layer.at(e.layerPoint);
      if (stop && stop !== told) tell(describe(stop), e);
      told = stop;
    });
    layer.on("mouseout", () => { told = undefined; map.closeTooltip(hover); });
    layer.on("click", (e) => {
      const stop = layer.at(e.layerPoint);
      if (!stop) return;
      map.closeTooltip(hover);
      choose(stop.route.index, true);
      L.popup({ maxWidth: 240, autoPanPadding: [12, 12] }).setLatLng([stop.lat, stop.lon]).setContent(describe(stop)).openOn(map);
    });
  }

  /* ---- the depot and the real reports */
  const pin = (className, size, child) => L.divIcon({ className, iconSize: [size, size], html: child });
  if (data.depot) {
    L.marker(data.depot, { icon: pin("sp-depot", 26, depotIcon()), title: "Depot", alt: "Depot", zIndexOffset: 500 })
      .bindPopup(lines("Depot", "Routes start and end here (dashed lines).")).addTo(map);
  }
  function depotIcon() {
    const box = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    box.setAttribute("viewBox", "0 0 24 24");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", "M3 11 12 4l9 7v9h-6v-6H9v6H3z");
    box.append(path);
    return box;
  }
  const hailPin = (size, badge) => {
    const box = make("span", "sp-hail-box");
    box.append(make("i", "sp-hail-ring"), badge);
    return pin("sp-hail", size, box);
  };
  const reports = L.featureGroup();
  H.hail_in.forEach((hail, i) => {
    const size = Math.round(10 + 9 * hail), badge = make("span", "sp-hail-size", inches(hail));
    const marker = L.marker([H.lat[i], H.lon[i]], { icon: hailPin(size, badge), zIndexOffset: Math.round(hail * 10),
      alt: "NOAA report, " + inches(hail) + ", " + H.place[i], riseOnHover: true });
    marker.bindPopup(lines(inches(hail) + " · NOAA report", H.place[i], H.when[i], H.source[i], H.narrative[i]), { maxWidth: 260 });
    Object.assign(marker, { hail, size });
    reports.addLayer(marker);
  });
  reports.addTo(map);
  reports.eachLayer((marker) => marker.getElement()?.setAttribute("aria-label", marker.options.alt)); /* its size may be hidden */
  /* Far out the reports shrink and a size that would cover a larger one's is left to its popup. */
  function label() {
    const scale = Math.min(1, Math.max(0.55, 0.55 + (map.getZoom() - 10) * 0.15)), placed = [];
    reports.getLayers().slice().sort((a, b) => b.hail - a.hail).forEach((marker) => {
      const node = marker.getElement(), at = map.latLngToLayerPoint(marker.getLatLng());
      if (!node) return;
      node.style.setProperty("--scale", scale);
      const free = placed.every((other) => Math.abs(other.x - at.x) > 46 || Math.abs(other.y - at.y) > 14);
      node.classList.toggle("sp-mute", !free);
      if (free) placed.push(at);
    });
    zips.forEach((zip) => {
      const at = map.latLngToLayerPoint(zip.getLatLng());
      const free = placed.every((other) => Math.abs(other.x - at.x) > 52 || Math.abs(other.y - at.y) > 18);
      zip.getElement().style.visibility = free && map.getZoom() >= (jobs && jobs.moves ? 12 : 10.5) ? "" : "hidden";
      if (free) placed.push(at);
    });
  }
  map.on("zoomend", label);

  /* ---- one route chosen: it stands out and shows its numbers, the others step back */
  const chip = make("div", "sp-chip");
  /* Numbers that would lie on each other are left out: the ends first, then tens, fives, the rest. */
  function numberStops() {
    if (chosen < 0) return;
    const all = routes[chosen].stops, placed = [], last = all.length - 1;
    const rank = (i) => (i === 0 || i === last ? 0 : all[i].number % 10 === 0 ? 1 : all[i].number % 5 === 0 ? 2 : 3);
    const order = all.map((_, i) => i).sort((a, b) => rank(a) - rank(b) || a - b);
    for (const i of order) {
      const point = map.latLngToLayerPoint([all[i].lat, all[i].lon]);
      all[i].numbered = placed.every((other) => other.distanceTo(point) > 18);
      if (all[i].numbered) placed.push(point);
    }
    own.show([...all.filter((stop) => !stop.numbered), ...all.filter((stop) => stop.numbered)]);
  }
  map.on("zoomend", numberStops);
  const legOpacity = () => (map.getZoom() >= 13 ? 0.07 : 0.2); /* close up, other routes' long legs are noise */
  map.on("zoomend", () => { if (chosen < 0) legs.setStyle({ opacity: legOpacity() }); });
  function paint() {
    routes.forEach((route) => {
      const on = route.index === chosen, dim = chosen >= 0 && !on;
      route.path.setStyle({ opacity: dim ? DIM : 0.9, weight: on ? 4 : 2.5 });
      if (route.leg) route.leg.setStyle({ opacity: dim ? 0.05 : on ? 0.9 : legOpacity(), weight: on ? 2 : 1 });
      route.stops.forEach((stop) => { stop.numbered = false; });
    });
    stops.show(chosen < 0 ? every : every.filter((stop) => stop.route.index !== chosen));
    if (chosen < 0) own.show([]);
    else {
      if (routes[chosen].leg) routes[chosen].leg.bringToFront();
      routes[chosen].path.bringToFront();
      own.bringToFront();
      numberStops();
    }
    chip.replaceChildren();
    chip.hidden = chosen < 0;
    map.getContainer().classList.toggle("sp-focused", chosen >= 0);
    if (chosen < 0) return;
    const swatch = make("i", "sp-swatch");
    swatch.style.background = routes[chosen].colour;
    const close = make("button", "", "Show all");
    close.type = "button";
    close.addEventListener("click", () => { choose(-1, true); fit(); });
    chip.append(swatch, describeRoute(routes[chosen]), close);
  }
  function choose(index, tell) {
    if (index === chosen) return;
    chosen = index;
    map.closePopup();
    paint();
    if (tell) post({ stormplay: "selected", route: index < 0 ? null : routes[index].id });
  }
  function select(id) {
    const index = id === null ? -1 : R.id.indexOf(id);
    if (index === chosen) return;
    choose(index, false);
    fit();
  }

  map.on("dragstart", () => { moved = true; });
  let seen = false;
  const sized = new ResizeObserver(() => {
    map.invalidateSize({ animate: false });
    if (!map.getSize().x) return;
    if (!seen) legendBox.open = map.getSize().x > 640; /* a frame may be loaded before it has a width */
    seen = true;
    if (!moved && fitted !== String(map.getSize())) fit();
    drawGrid();
  });
  sized.observe(map.getContainer());

  /* ---- controls */
  const corner = (position, node) => {
    const control = L.control({ position });
    control.onAdd = () => { L.DomEvent.disableClickPropagation(node); L.DomEvent.disableScrollPropagation(node); return node; };
    return control.addTo(map);
  };
  const home = make("button", "sp-home leaflet-bar", "Fit");
  home.type = "button";
  home.title = "Show everything";
  home.addEventListener("click", () => { choose(-1, true); fit(); });
  corner("topleft", home);
  corner("topright", chip);
  corner("bottomleft", gridLabel);
  L.control.scale({ position: "bottomleft" }).addTo(map);
  const legendBox = legend();
  corner("bottomright", legendBox);
  function legend() {
    const box = make("details", "sp-legend"), list = make("div", "sp-legend-body");
    box.append(make("summary", "", "Legend"), list);
    if (jobs) jobs.legend(list, row, make);
    if (levels.length) {
      list.append(make("b", "", "Modelled hail size (in)"));
      levels.forEach((level, i) => {
        const swatch = make("i", "sp-band");
        swatch.style.backgroundImage = levels.slice(0, i + 1).reverse().map((l) => {
          const c = bandColour[l] + Math.round(data.band_opacity * 255).toString(16).padStart(2, "0");
          return "linear-gradient(" + c + "," + c + ")";
        }).join(",");
        const upper = levels[i + 1];
        row(list, swatch, level.toFixed(2) + (upper ? " to " + upper.toFixed(2) : " and more"));
      });
    }
    if (H.hail_in.length) row(list, make("i", "sp-hail-key"), "NOAA report, sized by hail");
    if (routes.length) {
      row(list, make("i", "sp-line-key"), "Route, in stop order");
      row(list, make("i", "sp-done-key"), "Ring: stop is done");
    }
    if (data.depot && routes.length) row(list, make("i", "sp-dash-key"), "From and to the depot");
    if (routes.length > 1) {
      const line = make("label", "sp-legend-row"), box = make("input");
      box.type = "checkbox";
      box.addEventListener("change", () => showTerritories(box.checked));
      line.append(box, make("span", "", "Territories"));
      list.append(line);
    }
    return box;
  }
  function row(list, key, text) {
    const line = make("div", "sp-legend-row");
    line.append(key, make("span", "", text));
    list.append(line);
    return line;
  }
  map.attributionControl.setPrefix(false).addAttribution(data.attribution);

  /* ---- a map inside a page must not catch the page's scrolling */
  map.scrollWheelZoom.disable();
  map.on("click focus", () => map.scrollWheelZoom.enable()).on("mouseout", () => map.scrollWheelZoom.disable());
  const hint = make("div", "sp-hint", "Use two fingers to move the map");
  map.getContainer().append(hint);
  const oneFinger = (e) => coarse.matches && e.touches.length === 1;
  map.getContainer().addEventListener("touchmove", (e) => { hint.classList.toggle("sp-on", oneFinger(e)); }, { passive: true });
  map.getContainer().addEventListener("touchend", () => hint.classList.remove("sp-on"), { passive: true });
  const fingers = () => (coarse.matches ? map.dragging.disable() : map.dragging.enable());
  coarse.addEventListener("change", fingers, { signal }); /* a convertible is turned, or the frame is told late */
  fingers();

  /* ---- the page around the frame */
  function post(message) { if (window.parent !== window) window.parent.postMessage(message, "*"); }
  window.addEventListener("message", (e) => {
    if (e.source !== window.parent || !e.data) return;
    if (e.data.stormplay === "theme") { document.documentElement.dataset.theme = String(e.data.theme); return; } /* "": as the system says */
    if (e.data.stormplay === "draw") again(JSON.parse(e.data.data));
    else if (jobs && e.data.stormplay === "select") jobs.select(e.data.route);
    else if (jobs && e.data.stormplay === "notes") jobs.update(e.data.notes);
    else if (jobs && e.data.stormplay === "dots") jobs.move(e.data);
    else if (e.data.stormplay === "select") select(e.data.route);
    else if (e.data.stormplay === "notes") {
      routes.forEach((route) => { route.note = String(e.data.notes[route.id] ?? route.note); });
      routes.forEach((route) => route.stops.forEach((stop) => {
        const now = (e.data.stops ?? {})[stop.cursor];
        if (!now) return;
        S.status[stop.cursor] = S.statuses.push({ text: String(now[0]), done: !!now[1] }) - 1;
        stop.done = !!now[1];
      }));
      paint();
    }
  }, { signal });
  /* Another storm: Leaflet is there already, so only what is drawn is new. */
  function again(next) {
    const node = map.getContainer(), fresh = node.cloneNode(false), options = map.options;
    over.abort();
    sized.disconnect();
    fresh.className = "folium-map";
    node.replaceWith(fresh);
    stormplayDraw(L.map(fresh, options), next);
    /* Thousands of shapes would go one by one, and nobody sees them any more: they go with their canvas. */
    map.eachLayer((layer) => { if (layer instanceof L.Path) delete map._layers[L.stamp(layer)]; });
    map.remove();
  }
  document.documentElement.lang = "en";
  map.getContainer().setAttribute("role", "application");
  map.getContainer().setAttribute("aria-label", data.label);
  map.on("moveend", drawGrid);
  chip.hidden = true;
  if (data.selected !== null) select(data.selected); /* what is drawn is as it is where none is chosen */
  else legs.setStyle({ opacity: legOpacity() });
  drawGrid();
  label();
  window.stormplayMap = { map, select, routes: routes.length, polylines: paths.getLayers().length,
    stops: every.length, every, look, get jobs() { return jobs ? jobs.count : 0; }, jobCounts: jobs ? jobs.counts : null, reports: reports.getLayers().length, bands: levels.length,
    get territories() { return map.hasLayer(territories) ? territories.getLayers().length : 0; },
    get selected() { return chosen < 0 ? null : R.id[chosen]; } };
  post({ stormplay: "ready" });
}
/* A frame that is there before its map: draws the first document that comes. Its scripts run as they would have. */
function stormplayAwait() {
  "use strict";
  const hear = (event) => {
    if (event.source !== window.parent || event.data?.stormplay !== "document") return;
    window.removeEventListener("message", hear);
    const page = new DOMParser().parseFromString(event.data.text, "text/html");
    document.title = page.title;
    for (const part of ["head", "body"]) {
      for (const node of [...page[part].childNodes]) {
        const isScript = node.localName === "script";
        document[part].append(isScript ? Object.assign(document.createElement("script"), { textContent: node.textContent }) : node);
      }
    }
  };
  window.addEventListener("message", hear);
  window.parent.postMessage({ stormplay: "waiting" }, "*");
}
