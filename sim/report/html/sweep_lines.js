/* Parallel coordinates of a sweep, with brushes on its axes. A lane is a column's place: `at` has the pixel of a value. */
{
  const { svg: S } = LS, get = SW.get;
  let lanes = [], drag = null, traced = null;
  const TOP = 50, lane = (c, height, px) => {
    const range = [height - 16, TOP];
    if (c.labels) {
      const at = (v) => (c.labels.length < 2 ? (range[0] + range[1]) / 2 : range[1] + 10 + (v / (c.labels.length - 1)) * (range[0] - range[1] - 20));
      return { c, px, range, at };
    }
    const scale = LS.scale(SW.kind(c), c.extent[0] < c.extent[1] ? c.extent : SW.padded(c.extent, c.log), [range[0] - 6, range[1] + 6]);
    return { c, px, range, at: scale, scale };
  };
  const trace = (i) => lanes.map(({ c, px, at }) => (c.at[i] === null ? null : `${px.toFixed(1)},${at(c.at[i]).toFixed(1)}`)).map((p, n, all) => (p ? `${n && all[n - 1] ? "L" : "M"}${p}` : "")).join("");
  /* The many lines are drawn on a canvas under the chart, some at a time: quick, and those that cross are seen. */
  const AT_A_TIME = 16, canvas = LS.el("canvas", { "aria-hidden": "true" }, get("lines")), paint = canvas.getContext("2d");
  const bulk = (sweep, width, height, { of, groups }) => {
    const fine = matchMedia("print").matches ? 2 : devicePixelRatio, strokes = new Map();
    Object.assign(canvas, { width: width * fine, height: height * fine });
    paint.scale(fine, fine);
    for (const i of sweep.number.keys()) {
      const status = sweep.status[i], key = SW.on[i] ? (status === 2 ? "2" : "1") + groups[of(i)].fill : "0var(--line)";
      if (status < 3 && !(SW.on[i] && !status)) (strokes.get(key) || strokes.set(key, []).get(key)).push(i);
    }
    for (const [key, own] of [...strokes].sort(([a], [b]) => a[0] - b[0])) {
      canvas.style.color = key.slice(1); // resolves var() and color-mix()
      paint.strokeStyle = getComputedStyle(canvas).color;
      paint.globalAlpha = key[0] === "0" ? 0.5 : Math.max(0.1, Math.min(0.7, 8 / Math.sqrt(sweep.number.length)));
      paint.setLineDash(key[0] === "2" ? [4, 3] : []);
      for (let n = 0; n < own.length; n += AT_A_TIME) {
        paint.beginPath();
        for (const i of own.slice(n, n + AT_A_TIME)) {
          let pen = false;
          for (const { c, px, at } of lanes) { const v = c.at[i]; if (v !== null) { if (pen) paint.lineTo(px, at(v)); else paint.moveTo(px, at(v)); } pen = v !== null; }
        }
        paint.stroke();
      }
    }
  };
  const lines = (svg, width, height) => {
    const sweep = SW.sweep(), gap = (width - 26 - 74) / Math.max(1, sweep.main.length - 1), grouped = SW.groups(sweep);
    lanes = sweep.main.map((c, n) => lane(c, height, 26 + n * gap));
    bulk(sweep, width, height, grouped);
    const best = [...sweep.number.keys()].filter((i) => SW.on[i] && !sweep.status[i]), bold = best.length > 30 ? 1.3 : 2.2;
    for (const i of best) S("path", { class: "line front", "stroke-width": bold, d: trace(i), stroke: grouped.groups[grouped.of(i)].fill, "data-point": sweep.number[i] }, svg);
    for (const { k, i } of SW.pins) if (k === SW.now) {
      S("path", { class: "pinned", d: trace(i) }, svg);
      const last = lanes.findLast(({ c }) => c.at[i] !== null);
      if (last) SW.badge(svg, last.px - 14, last.at(last.c.at[i]), SW.letter(k, i));
    }
    traced = S("path", { class: "hover" }, svg);
    lanes.forEach((each) => axis(svg, each, gap));
    svg.setAttribute("aria-label", `Parallel coordinates of ${sweep.main.map((c) => c.name).join(", ")}; use the filters to keep ranges.`);
  };
  const axis = (svg, { c, px, range, at, scale }, gap) => {
    const f = SW.filters.get(c.key), short = (text, room) => (text.length * 6.6 > room ? `${text.slice(0, Math.max(3, Math.floor(room / 6.6) - 1))}…` : text);
    const name = S("text", { class: "title", x: px, y: 16, "data-tip": `${c.name}: ${c.words}` }, svg, short(c.name, gap - 8));
    if (px < 60) { name.style.textAnchor = "start"; name.setAttribute("x", 4); }
    if (c.sense) S("text", { class: "sense", x: px, y: 32 }, svg, c.sense === "min" ? "↓ less is better" : "↑ more is better");
    S("line", { class: "axis", x1: px, x2: px, y1: range[0], y2: range[1] }, svg);
    const swept = c.kind === "axis" && !c.labels ? [...new Set(c.at)].sort((a, b) => a - b) : null;
    const stops = c.labels ? c.labels.map((text, v) => [v, text]) : swept && swept.length <= 12 ? swept.map((v) => [v, SW.text(c, v)]) : scale.ticks(6).map((v) => [v, SW.tick(c, v)]);
    for (const [v, text] of stops) {
      S("line", { class: "axis", x1: px - 3, x2: px + 3, y1: at(v), y2: at(v) }, svg);
      S("text", { class: `stop${f && !(f.set ? f.set.has(v) : v >= f.lo && v <= f.hi) ? " off" : ""}`, x: px + 7, y: at(v) + 4 }, svg, short(text, gap - 16));
    }
    const mark = (a, b) => S("rect", { class: "range", x: px - 8, width: 16, y: Math.min(a, b), height: Math.max(2, Math.abs(a - b)), rx: 3 }, svg);
    if (f && f.set) for (const v of f.set) mark(at(v) - 9, at(v) + 9);
    else if (f) { const inside = (v) => Math.max(range[1], Math.min(range[0], v)), low = scale.domain[0] > 0 ? Math.max(f.lo, scale.domain[0] / 2) : f.lo; mark(inside(at(Number.isFinite(low) ? low : scale.domain[0])), inside(at(Number.isFinite(f.hi) ? f.hi : scale.domain[1]))); }
    S("rect", { class: "grip", x: px - 14, width: 28, y: range[1] - 8, height: range[0] - range[1] + 16, "data-key": c.key }, svg);
  };
  const box = get("lines"), parallel = LS.chart(box, { height: (w) => (w < 700 ? 340 : 420), label: "Parallel coordinates" }, lines), chart = box.querySelector("svg");
  const where = (event) => { const from = chart.getBoundingClientRect(); return [event.clientX - from.left, event.clientY - from.top]; };
  const keep = ({ c, at, scale }, a, b) => {
    const [top, bottom] = [Math.min(a, b), Math.max(a, b)];
    if (scale) SW.filters.set(c.key, { lo: scale.invert(bottom), hi: scale.invert(top) });
    else SW.filters.set(c.key, { set: new Set([...c.labels.keys()].filter((v) => at(v) >= top - 9 && at(v) <= bottom + 9)) });
  };
  const toggle = (c, v) => {
    const was = SW.filters.get(c.key)?.set || new Set(c.labels.keys()), set = was.size === c.labels.length ? new Set([v]) : new Set(was);
    if (was.size < c.labels.length) { if (set.has(v)) set.delete(v); else set.add(v); }
    if (!set.size || set.size === c.labels.length) SW.filters.delete(c.key); else SW.filters.set(c.key, { set });
  };
  chart.addEventListener("pointerdown", (event) => {
    const [px, py] = where(event), at = lanes.find((each) => Math.abs(each.px - px) <= 14);
    if (!at || py < at.range[1] - 10) return;
    event.preventDefault();
    chart.setPointerCapture(event.pointerId);
    const f = SW.filters.get(at.c.key), ends = f && at.scale ? [at.scale(f.lo), at.scale(f.hi)] : null;
    drag = { at, from: py, to: py, ends: ends && py <= ends[0] && py >= ends[1] ? ends : null };
    SW.dragging = true;
  });
  chart.addEventListener("pointermove", (event) => {
    const [px, py] = where(event);
    if (drag) {
      drag.to = Math.max(drag.at.range[1], Math.min(drag.at.range[0], py));
      if (Math.abs(drag.to - drag.from) < 4) return;
      const by = drag.to - drag.from;
      if (drag.ends) keep(drag.at, drag.ends[0] + by, drag.ends[1] + by); else keep(drag.at, drag.from, drag.to);
      SW.panel();
      return SW.update();
    }
    const i = py < TOP - 6 ? -1 : under(px, py);
    SW.hover(i);
    if (py < TOP - 6) delete chart.dataset.tip; // the names there have tips of their own
    else SW.say(chart, i < 0 ? null : SW.describe(SW.sweep(), i), event);
  });
  chart.addEventListener("pointerup", (event) => {
    const [px, py] = where(event);
    if (!drag) { const i = under(px, py); return i >= 0 && SW.pin(SW.now, i); }
    const { at, from, to } = drag;
    drag = null;
    SW.dragging = false;
    if (Math.abs(to - from) < 4) {
      const stop = at.c.labels && [...at.c.labels.keys()].find((v) => Math.abs(at.at(v) - py) < 11);
      if (stop !== undefined && at.c.labels) toggle(at.c, stop); else SW.filters.delete(at.c.key);
    }
    const own = SW.filters.get(at.c.key);
    if (own && own.set && !own.set.size) SW.filters.delete(at.c.key);
    SW.panel();
    SW.update();
  });
  chart.addEventListener("pointercancel", () => { drag = null; SW.dragging = false; });
  chart.addEventListener("pointerleave", () => SW.hover(-1));
  const under = (px, py) => {
    const n = lanes.findIndex((each, k) => k + 1 < lanes.length && px >= each.px && px <= lanes[k + 1].px), sweep = SW.sweep();
    if (n < 0) return -1;
    const [a, b] = [lanes[n], lanes[n + 1]], share = (px - a.px) / (b.px - a.px);
    let found = -1, least = 6;
    for (const i of sweep.number.keys()) if (SW.on[i] && sweep.status[i] < 3 && a.c.at[i] !== null && b.c.at[i] !== null) {
      const far = Math.abs(a.at(a.c.at[i]) * (1 - share) + b.at(b.c.at[i]) * share - py) - (sweep.status[i] ? 0 : 1);
      if (far < least) [found, least] = [i, far];
    }
    return found;
  };
  SW.hovers.push((i) => { if (traced) traced.setAttribute("d", i < 0 ? "" : trace(i)); });
  SW.draws.push(parallel);
  for (const query of ["print", "(prefers-color-scheme: dark)"]) matchMedia(query).addEventListener("change", parallel);
  new MutationObserver(parallel).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
