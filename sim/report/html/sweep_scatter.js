/* The scatter plot of sweeps: any two numbers; several sweeps share the plane. */
{
  const { svg: S } = LS, get = SW.get;
  let near = [], ring = null;
  const plane = (svg, width, height) => {
    const sweep = SW.sweep(), [xc, yc] = [sweep.by.get(get("x").value), sweep.by.get(get("y").value)];
    if (!xc || !yc) return; // before the controls are filled
    const shown = SW.sweeps.filter((s) => s === sweep || (s.by.has(xc.key) && s.by.has(yc.key) && !s.by.get(xc.key).labels && !s.by.get(yc.key).labels));
    const points = shown.flatMap((s) => s.number.map((_, i) => ({ s, i, vx: s.by.get(xc.key).at[i], vy: s.by.get(yc.key).at[i] }))).filter((p) => p.vx !== null && p.vy !== null && p.s.status[p.i] < 3);
    const range = (values) => values.reduce(([lo, hi], v) => [Math.min(lo, v), Math.max(hi, v)], [Infinity, -Infinity]);
    const [xr, yr] = [range(points.map((p) => p.vx)), range(points.map((p) => p.vy))];
    near = [];
    if (!points.length) { S("text", { x: 20, y: 40 }, svg, "No point has both values."); return; }
    for (const [id, [low]] of [["xlog", xr], ["ylog", yr]]) get(id).disabled = low <= 0;
    const [xl, yl] = ["xlog", "ylog"].map((id) => get(id).checked && !get(id).disabled);
    const x = LS.scale(xl ? "log" : "linear", SW.padded(xr, xl), [66, width - 14]), y = LS.scale(yl ? "log" : "linear", SW.padded(yr, yl), [height - 48, 26]);
    const title = (c) => `${c.name}${c.sense ? ` (${c.sense}imise)` : ""}`, tick = (c) => (v) => SW.tick(c, v);
    LS.axes(svg, { x, y, xTitle: title(xc), yTitle: title(yc), xFormat: tick(xc), yFormat: tick(yc), xTicks: width < 500 ? 4 : 7 });
    const paths = new Map(), add = (key, attributes, d) => (paths.get(key) || paths.set(key, [attributes, []]).get(key))[1].push(d), members = [];
    const grouped = SW.sweeps.map(SW.groups);
    for (const p of points) {
      const own = p.s === sweep, { of, groups } = grouped[p.s.index], colour = own || get("colour").value === "sweep" ? groups[of(p.i)].fill : "var(--c-grey)";
      [p.x, p.y] = [x(p.vx), y(p.vy)];
      p.on = own ? SW.on[p.i] : true;
      if (p.on && p.s.status[p.i] === 0) members.push({ ...p, colour });
      else if (!p.on) add("0", { class: "dots faded" }, `M${p.x.toFixed(1)},${p.y.toFixed(1)}h0`);
      else if (p.s.status[p.i] === 2) add(`1${colour}`, { class: "rings", stroke: colour }, `M${(p.x - 3).toFixed(1)},${p.y.toFixed(1)}a3,3 0 1,0 6,0a3,3 0 1,0 -6,0`);
      else add(`2${colour}`, { class: "dots", stroke: colour }, `M${p.x.toFixed(1)},${p.y.toFixed(1)}h0`);
      if (p.on) near.push(p);
    }
    for (const [, [attributes, d]] of [...paths].sort(([a], [b]) => a[0] - b[0])) S("path", { ...attributes, "stroke-width": attributes.class === "rings" ? 1.3 : points.length < 300 ? 8 : 6, d: d.join("") }, svg);
    for (const s of shown) stairs(svg, s, s.by.get(xc.key), s.by.get(yc.key), x, y);
    S("rect", { class: "hit", x: x.range[0], y: y.range[1], width: x.range[1] - x.range[0], height: y.range[0] - y.range[1] }, svg);
    const few = members.length <= 80;
    for (const p of members) LS.mark(svg, { x: p.x, y: p.y, size: 11, fill: p.colour, class: "member", shape: "circle", "data-point": p.s.number[p.i], "data-sweep": p.s.index, tip: few ? SW.describe(p.s, p.i) : null, label: `point ${p.s.number[p.i]}` });
    for (const { k, i } of SW.pins) {
      const p = points.find((each) => each.s.index === k && each.i === i);
      if (p) { S("circle", { class: "pinned", cx: p.x, cy: p.y, r: 8 }, svg); SW.badge(svg, p.x + 13, p.y - 13, SW.letter(k, i)); }
    }
    ring = S("circle", { class: "hover", r: 8, visibility: "hidden" }, svg);
    svg.setAttribute("aria-label", `Scatter plot of ${points.length} points: ${title(yc)} over ${title(xc)}; ${members.length} are on the front. The same points are in the table.`);
  };
  /* Down from the worst y at the best x: what no point of the front reaches. Only of two objectives. */
  const stairs = (svg, s, xc, yc, x, y) => {
    if (!xc.sense || !yc.sense || xc === yc) return;
    const better = (c) => (c.sense === "min" ? 1 : -1), members = [...s.number.keys()].filter((i) => s.status[i] === 0).sort((a, b) => better(xc) * (xc.at[a] - xc.at[b]) || better(yc) * (yc.at[a] - yc.at[b]));
    const edge = [], worst = (scale, c) => scale.range[c.sense === "min" ? 1 : 0];
    let best = null;
    for (const i of members) if (best === null || better(yc) * (yc.at[i] - best) < 0) { edge.push(i); best = yc.at[i]; }
    if (!edge.length) return;
    const d = edge.map((i, n) => `${n ? `H${x(xc.at[i])}` : `M${x(xc.at[i])},${worst(y, yc)}`}V${y(yc.at[i])}`).join("") + `H${worst(x, xc)}`;
    S("path", { class: "stairs", d, stroke: get("colour").value === "sweep" ? `var(--s${s.index % 7})` : s === SW.sweep() ? "var(--c-vermilion)" : "var(--c-grey)", "data-corners": edge.map((i) => s.number[i]).join(" ") }, svg);
  };
  const closest = (event, box) => {
    const from = box.getBoundingClientRect(), px = event.clientX - from.left, py = event.clientY - from.top;
    return near.reduce((found, p) => { const far = Math.hypot(p.x - px, p.y - py) - (p.s.status[p.i] ? 0 : 3); return far < found.far ? { far, p } : found; }, { far: 18, p: null }).p;
  };
  const scatter = LS.chart(get("scatter"), { height: (w) => Math.min(540, Math.max(330, w * 0.5)), label: "Scatter plot" }, plane);
  get("scatter").addEventListener("pointermove", (event) => {
    const hit = get("scatter").querySelector(".hit"), p = event.target.closest("svg") && hit ? closest(event, get("scatter").firstChild) : null;
    if (hit) SW.say(hit, p && SW.describe(p.s, p.i), event);
    SW.hover(p && p.s === SW.sweep() ? p.i : -1);
  });
  get("scatter").addEventListener("pointerleave", () => SW.hover(-1));
  get("scatter").addEventListener("click", (event) => { const p = closest(event, get("scatter").firstChild); if (p) SW.pin(p.s.index, p.i); });
  get("scatter").addEventListener("keydown", (event) => {
    const mark = event.target.closest("[data-point]");
    if (!mark || !["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    const { point, sweep } = mark.dataset;
    SW.pin(Number(sweep), SW.sweeps[sweep].place.get(Number(point)));
    requestAnimationFrame(() => requestAnimationFrame(() => get("scatter").querySelector(`[data-point="${point}"][data-sweep="${sweep}"]`)?.focus()));
  });
  SW.hovers.push((i) => {
    const p = i < 0 ? null : near.find((each) => each.s === SW.sweep() && each.i === i);
    if (ring) ring.setAttribute("visibility", p ? "visible" : "hidden");
    if (p) { ring.setAttribute("cx", p.x); ring.setAttribute("cy", p.y); }
  });
  SW.draws.push(scatter);
}
