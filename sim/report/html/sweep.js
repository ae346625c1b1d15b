/* Page of sweeps: what is shown, filtered and pinned. sweep_table.js and the charts draw it.
 * A column is an axis or a metric; `at` has its values by point: numbers, null, or indices of `labels`. */
const SW = { sweeps: LS.data.sweeps, now: 0, filters: new Map(), pins: [], on: [], draws: [], hovers: [] };
SW.STATUS = ["on the front", "dominated", "infeasible", "failed"];
SW.MOST_PINS = 8;
for (const [index, sweep] of SW.sweeps.entries()) {
  const point = { key: "point", name: "point", words: "in the order of the search", kind: "point", sense: "", unit: "", labels: null, log: false, at: sweep.number }, all = [point, ...sweep.columns];
  Object.assign(sweep, { index, by: new Map(all.map((c) => [c.key, c])), place: new Map(sweep.number.map((n, i) => [n, i])), main: sweep.columns.filter((c) => c.kind !== "metric") });
  for (const c of all) {
    const extent = c.at.reduce(([lo, hi], v) => (v === null ? [lo, hi] : [Math.min(lo, v), Math.max(hi, v)]), [Infinity, -Infinity]);
    c.extent = extent[0] <= extent[1] ? extent : [0, 1];
  }
}
SW.sweep = () => SW.sweeps[SW.now];
SW.get = (id) => document.getElementById(id);
SW.text = (c, v) => {
  if (v === null || v === undefined) return "–";
  if (c.labels) return c.labels[v];
  if (c.kind === "axis" || c.kind === "point") return String(v);
  return c.prefixed ? LS.si(v, c.unit) : `${SW.figure(v)} ${c.unit}`.trim();
};
SW.tick = (c, v) => (c.prefixed ? LS.si(v, c.unit) : SW.figure(v)); // the title says the unit of the others
SW.four = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });
SW.figure = (v) => SW.four.format(v);
SW.passes = (sweep, i) => [...SW.filters].every(([key, f]) => {
  const v = sweep.by.get(key).at[i];
  return v !== null && (f.set ? f.set.has(v) : v >= f.lo && v <= f.hi);
});
SW.describe = (sweep, i) => [
  `point ${sweep.number[i]}${SW.sweeps.length > 1 ? ` of ${sweep.name}` : ""}: ${SW.STATUS[sweep.status[i]]}`,
  ...sweep.main.map((c) => `${c.name}  ${SW.text(c, c.at[i])}`), ...(sweep.reason[i] || sweep.reasons[0] ? [sweep.reasons[sweep.reason[i]]] : []),
].filter(Boolean).join("\n");

/* Colours: groups of points by status, sweep, category, or steps of a number. */
SW.ramp = (share) => (share < 0.5 ? `color-mix(in oklab, var(--c-purple) ${200 * share}%, var(--c-blue))` : `color-mix(in oklab, var(--c-orange) ${200 * share - 100}%, var(--c-purple))`);
SW.groups = (sweep) => {
  const key = SW.get("colour").value, column = sweep.by.get(key);
  if (key === "sweep") return { of: () => sweep.index, groups: SW.sweeps.map((s, k) => ({ label: s.name, fill: `var(--s${k % 7})` })) };
  if (!column) return { of: (i) => sweep.status[i], groups: SW.STATUS.map((label, k) => ({ label, fill: ["var(--c-vermilion)", "var(--dominated)", "var(--c-grey)", "var(--c-grey)"][k], status: true })) };
  if (column.labels) return { of: (i) => column.at[i], groups: column.labels.map((label, k) => ({ label, fill: LS.colours[k] || "var(--c-grey)" })) };
  const values = [...new Set(column.at.filter((v) => v !== null))].sort((a, b) => a - b);
  const none = { label: "not known", fill: "var(--c-grey)" };
  if (values.length <= 8) {
    const groups = values.map((v, k) => ({ label: SW.text(column, v), fill: SW.ramp(values.length > 1 ? k / (values.length - 1) : 0) }));
    return { of: (i) => (column.at[i] === null ? values.length : values.indexOf(column.at[i])), groups: [...groups, none] };
  }
  const scale = LS.scale(column.log ? "log" : "linear", column.extent, [0, 6]);
  const groups = [0, 1, 2, 3, 4, 5].map((k) => ({ label: `${SW.text(column, scale.invert(k))} – ${SW.text(column, scale.invert(k + 1))}`, fill: SW.ramp(k / 5) }));
  return { of: (i) => (column.at[i] === null ? 6 : Math.min(5, Math.floor(scale(column.at[i])))), groups: [...groups, none] };
};

/* What the charts share. */
SW.kind = (c) => (c.log ? "log" : "linear");
SW.padded = ([lo, hi], log) => {
  if (log) { const by = hi > lo ? (hi / lo) ** 0.05 : 1.5; return [lo / by, hi * by]; }
  const by = (hi - lo) * 0.05 || Math.abs(hi) * 0.1 || 1;
  return [lo - by, hi + by];
};
SW.badge = (parent, x, y, letter) => {
  LS.svg("circle", { class: "badge", cx: x, cy: y, r: 8 }, parent);
  LS.svg("text", { class: "letter", x, y: y + 4 }, parent, letter);
};
/* Shows the tip of the point that is nearest, though the pointer is on the chart itself. */
SW.say = (target, text, event) => {
  if (text) target.dataset.tip = text; else delete target.dataset.tip;
  target.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, clientX: event.clientX, clientY: event.clientY }));
};

/* One redraw per frame, whatever has changed. */
{
  let queued = false;
  SW.update = () => {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      const sweep = SW.sweep();
      SW.on = sweep.number.map((_, i) => SW.passes(sweep, i));
      const passing = SW.on.filter(Boolean).length;
      SW.get("passing").textContent = SW.filters.size ? `${passing.toLocaleString("en-US")} of ${SW.on.length.toLocaleString("en-US")} points pass ${SW.filters.size} filter${SW.filters.size > 1 ? "s" : ""}` : `all ${SW.on.length.toLocaleString("en-US")} points`;
      SW.get("clear").disabled = !SW.filters.size;
      SW.get("unpin").disabled = !SW.pins.length;
      for (const draw of SW.draws) draw();
      SW.letters();
    });
  };
  SW.hover = (i) => { for (const hover of SW.hovers) hover(i); };
}
