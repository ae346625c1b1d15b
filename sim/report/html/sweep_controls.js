/* Controls of the page of sweeps: what to show, and filters without a mouse. */
{
  const { el: E } = LS, get = SW.get;
  const fill = (select, sweep, more, wanted, test) => {
    const was = select.value;
    select.replaceChildren();
    for (const [value, text] of more) E("option", { value }, select, text);
    for (const [label, which] of [["Objectives", "objective"], ["Axes", "axis"], ["Metrics", "metric"]]) {
      const own = sweep.columns.filter((c) => c.kind === which && test(c));
      const group = own.length ? E("optgroup", { label }, select) : null;
      for (const c of own) E("option", { value: c.key }, group, c.name);
    }
    select.value = [...select.options].some((o) => o.value === was) ? was : wanted;
  };
  /* Filters by keyboard: the same as the brushes. */
  SW.panel = () => {
    const host = get("filters").querySelector(".filters");
    for (const input of host.querySelectorAll("input")) {
      const f = SW.filters.get(input.dataset.key);
      if (input.type === "checkbox") input.checked = !f || f.set.has(Number(input.value));
      else if (input !== document.activeElement) input.value = f && Number.isFinite(f[input.dataset.end]) ? Number(f[input.dataset.end].toPrecision(4)) : "";
    }
  };
  const form = () => {
    const host = get("filters").querySelector(".filters");
    host.replaceChildren();
    for (const c of SW.sweep().main) {
      const set = E("fieldset", {}, host);
      E("legend", {}, set, c.name);
      if (c.labels) c.labels.forEach((text, v) => { const label = E("label", {}, set); E("input", { type: "checkbox", "data-key": c.key, value: v }, label); label.append(text); });
      else for (const [end, word] of [["lo", "from"], ["hi", "to"]]) E("input", { type: "number", step: "any", "data-key": c.key, "data-end": end, placeholder: Number(c.extent[end === "lo" ? 0 : 1].toPrecision(4)) }, E("label", {}, set, `${word} `));
    }
    SW.panel();
  };
  get("filters").addEventListener("input", (event) => {
    const { key, end } = event.target.dataset, c = SW.sweep().by.get(key);
    if (c.labels) {
      const set = new Set([...get("filters").querySelectorAll(`[data-key="${CSS.escape(key)}"]:checked`)].map((input) => Number(input.value)));
      if (set.size === c.labels.length) SW.filters.delete(key); else SW.filters.set(key, { set });
    } else {
      const f = { lo: -Infinity, hi: Infinity, ...SW.filters.get(key), [end]: event.target.value === "" ? (end === "lo" ? -Infinity : Infinity) : Number(event.target.value) };
      if (f.lo === -Infinity && f.hi === Infinity) SW.filters.delete(key); else SW.filters.set(key, f);
    }
    SW.update();
  });

  /* Controls. */
  const legend = () => {
    const sweep = SW.sweep(), { of, groups } = SW.groups(sweep), counts = groups.map(() => 0);
    sweep.number.forEach((_, i) => { counts[of(i)] += 1; });
    const by = get("colour").value, entries = groups.map((g, k) => ({ ...g, shape: "circle", fill: g.status && k === 2 ? "transparent" : g.fill, label: by === "sweep" ? g.label : `${g.label}, ${counts[k].toLocaleString("en-US")}${g.status && k === 3 ? ", not drawn" : ""}` }));
    for (const [id, all] of [["scatter-legend", by === "sweep"], ["lines-legend", false]]) {
      get(id).replaceChildren();
      LS.legend(get(id), entries.filter((_, k) => all || counts[k]));
    }
    const [xc, yc] = [sweep.by.get(get("x").value), sweep.by.get(get("y").value)], others = sweep.main.filter((c) => c.sense && c !== xc && c !== yc).map((c) => c.name);
    get("scatter-caption").textContent = `${[
      `Outlined points are on the front${others.length ? `, which is also of ${others.join(", ")}` : ""}`,
      xc.sense && yc.sense && "the steps bound what it reaches in this plane",
      SW.sweeps.some((s) => s.status.includes(2)) && "hollow ones break a constraint",
    ].filter(Boolean).join("; ")}. Point at one for its values, click to pin it.`;
  };
  const defaults = (id, key) => { get(`${id}log`).checked = SW.sweep().by.get(key).log; };
  const choose = () => {
    const sweep = SW.sweep(), objectives = sweep.columns.filter((c) => c.kind === "objective"), number = (c) => !c.labels;
    fill(get("x"), sweep, [["point", "point number"]], objectives.length > 1 ? objectives[0].key : "point", number);
    fill(get("y"), sweep, [], (objectives[1] || objectives[0]).key, number);
    fill(get("effect"), sweep, [], objectives[0].key, (c) => c.kind !== "axis");
    fill(get("colour"), sweep, [...(SW.sweeps.length > 1 ? [["sweep", "sweep"]] : []), ["status", "status"]], SW.sweeps.length > 1 ? "sweep" : "status", () => true);
    for (const id of ["x", "y"]) defaults(id, get(id).value);
    get("lines").style.minWidth = `${sweep.main.length * 100}px`;
    SW.stage();
    form();
  };
  for (const id of ["x", "y"]) {
    get(id).addEventListener("input", () => { defaults(id, get(id).value); SW.update(); });
    get(`${id}log`).addEventListener("input", () => SW.update());
  }
  for (const id of ["colour", "effect"]) get(id).addEventListener("input", () => SW.update());
  get("sweep")?.addEventListener("input", () => { SW.now = Number(get("sweep").value); SW.filters.clear(); SW.clearSort(); choose(); SW.update(); });
  get("clear").addEventListener("click", () => { SW.filters.clear(); SW.panel(); SW.update(); });
  get("unpin").addEventListener("click", () => { SW.pins.length = 0; SW.update(); });
  for (const each of document.querySelectorAll("form")) each.addEventListener("submit", (event) => event.preventDefault());
  for (const table of document.querySelectorAll("table.front, table.reasons")) LS.table(table);
  choose();
  SW.draws.push(legend);
  SW.update();
}
