/* Pins of the page of sweeps, their comparison, and the table of all points. */
/* Pins, by letter; buttons anywhere have data-pin="SWEEP:POINT". */
SW.letter = (k, i) => { const at = SW.pins.findIndex((p) => p.k === k && p.i === i); return at < 0 ? "" : "ABCDEFGH"[at]; };
SW.pin = (k, i) => {
  const at = SW.pins.findIndex((p) => p.k === k && p.i === i);
  if (at >= 0) SW.pins.splice(at, 1);
  else if (SW.pins.length < SW.MOST_PINS) SW.pins.push({ k, i });
  else SW.get("passing").textContent = `${SW.MOST_PINS} points are pinned; unpin one first`;
  if (at >= 0 || SW.letter(k, i)) SW.update();
};
SW.pinButton = (parent, sweep, i) => LS.el("button", { type: "button", class: "pin", "data-pin": `${sweep.index}:${sweep.number[i]}`, "aria-label": `Pin point ${sweep.number[i]}` }, parent, "pin");
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-pin]");
  if (!button) return;
  const [k, number] = button.dataset.pin.split(":").map(Number);
  SW.pin(k, SW.sweeps[k].place.get(number));
});
SW.letters = () => {
  for (const button of document.querySelectorAll("[data-pin]")) {
    const [k, number] = button.dataset.pin.split(":").map(Number), letter = SW.letter(k, SW.sweeps[k].place.get(number));
    button.textContent = letter || "pin";
    button.setAttribute("aria-pressed", String(Boolean(letter)));
  }
};
SW.draws.push(() => {
  const table = SW.get("compare"), [head, body] = [table.tHead, table.tBodies[0]];
  table.hidden = !SW.pins.length;
  SW.get("no-pins").hidden = Boolean(SW.pins.length);
  head.replaceChildren();
  body.replaceChildren();
  const top = LS.el("tr", {}, head), keys = new Map(), order = ["axis", "objective", "metric"];
  LS.el("th", { class: "word", scope: "col" }, top, "");
  for (const { k, i } of SW.pins) {
    const sweep = SW.sweeps[k], cell = LS.el("th", { scope: "col" }, top, `point ${sweep.number[i]} `);
    SW.pinButton(cell, sweep, i).textContent = SW.letter(k, i);
    LS.el("br", {}, cell);
    LS.el("small", {}, cell, `${SW.sweeps.length > 1 ? `${sweep.name}, ` : ""}${SW.STATUS[sweep.status[i]]}`);
    for (const c of sweep.columns) if (!keys.has(c.key) || c.kind === "objective") keys.set(c.key, c);
  }
  for (const c of [...keys.values()].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))) {
    const row = LS.el("tr", {}, body), own = SW.pins.map(({ k, i }) => { const each = SW.sweeps[k].by.get(c.key); return each ? [each.at[i], SW.text(each, each.at[i])] : [null, "–"]; });
    LS.el("th", { class: "word", scope: "row" }, row, `${c.name}${c.sense ? ` (${c.sense})` : ""}`);
    const differs = new Set(own.map(([, text]) => text)).size > 1 && c.kind === "axis";
    own.forEach(([value, text], n) => {
      const cell = LS.el("td", { class: differs ? "differs" : null }, row, text), first = own[0][0];
      if (!n || c.kind === "axis" || value === null || !first) return;
      const ratio = value / first, gain = c.sense === "min" ? 1 - ratio : ratio - 1;
      LS.el("small", { class: c.sense && Math.abs(gain) > 5e-4 ? (gain * Math.sign(first) > 0 ? "better" : "worse") : null }, cell, `× ${SW.figure(Number(ratio.toPrecision(3)))}`);
    });
  }
});

/* The table of all points: the first hundred of what passes, in the order of a column. */
{
  const [table, find] = [SW.get("table"), SW.get("find")], FIRST = 100;
  let sort = null, all = false;
  const columns = () => (SW.get("more").checked ? SW.sweep().columns : SW.sweep().main);
  const words = (sweep, i) => (sweep.words ||= [])[i] ||= [sweep.number[i], SW.STATUS[sweep.status[i]], sweep.reasons[sweep.reason[i]], ...sweep.columns.map((c) => (c.kind === "axis" ? SW.text(c, c.at[i]) : ""))].join(" ").toLowerCase();
  const value = (sweep, key, i) => (key === "status" ? sweep.status[i] : sweep.by.get(key).at[i]);
  const head = () => {
    const row = LS.el("tr", {}), add = (key, name, word, tip) => {
      const cell = LS.el("th", { scope: "col", class: word ? "word" : null, "data-tip": tip, "aria-sort": sort && sort.key === key ? (sort.sign > 0 ? "ascending" : "descending") : null }, row);
      LS.el("button", { type: "button", "data-sort": key }, cell, name);
    };
    LS.el("span", { class: "unseen" }, LS.el("th", { class: "buttons", scope: "col" }, row), "pin");
    add("point", "point");
    add("status", "status", true);
    for (const c of columns()) add(c.key, c.name, c.labels, `${c.words}${c.sense ? `, ${c.sense}` : ""}`);
    table.tHead.replaceChildren(row);
  };
  const body = () => {
    const sweep = SW.sweep(), text = SW.get("text").value.trim().toLowerCase().split(/\s+/), status = SW.get("status").value;
    const found = [...sweep.number.keys()].filter((i) => SW.on[i] && (!status || sweep.status[i] === Number(status)) && text.every((word) => words(sweep, i).includes(word)));
    const by = sort || { key: "status", sign: 1 };
    found.sort((a, b) => {
      const [u, v] = [value(sweep, by.key, a), value(sweep, by.key, b)];
      return (u === null) - (v === null) || by.sign * (u - v) || a - b;
    });
    const rows = all ? found : found.slice(0, FIRST), fragment = document.createDocumentFragment();
    for (const i of rows) {
      const row = LS.el("tr", { "data-point": i }, fragment), cell = LS.el("td", { class: "word" });
      SW.pinButton(LS.el("td", { class: "buttons" }, row), sweep, i);
      LS.el("td", {}, row, String(sweep.number[i]));
      row.append(cell);
      LS.el("span", { class: `status s${sweep.status[i]}` }, cell);
      const reason = sweep.reasons[sweep.reason[i]];
      LS.el("span", reason ? { class: "sourced", tabindex: 0, "data-tip": reason, "aria-description": reason } : {}, cell, SW.STATUS[sweep.status[i]]);
      for (const c of columns()) LS.el("td", { class: c.labels ? "word" : null }, row, c.kind === "axis" || c.at[i] === null ? SW.text(c, c.at[i]) : SW.figure(c.at[i]));
    }
    if (!rows.length) LS.el("td", { class: "empty", colspan: 3 + columns().length }, LS.el("tr", {}, fragment), "No point passes the filters.");
    table.tBodies[0].replaceChildren(fragment);
    SW.get("shown").textContent = `${rows.length.toLocaleString("en-US")} shown of ${found.length.toLocaleString("en-US")} that pass`;
    SW.get("all").hidden = found.length <= FIRST;
    SW.get("all").textContent = all ? `Show ${FIRST}` : "Show all";
    SW.letters();
  };
  table.tHead.addEventListener("click", (event) => {
    const key = event.target.closest("[data-sort]")?.dataset.sort;
    if (!key) return;
    const first = SW.sweep().by.get(key)?.sense === "max" ? -1 : 1;
    sort = { key, sign: sort && sort.key === key ? -sort.sign : first };
    head();
    body();
    table.tHead.querySelector(`[data-sort="${CSS.escape(key)}"]`).focus();
  });
  table.tBodies[0].addEventListener("pointerover", (event) => SW.hover(Number(event.target.closest("tr").dataset.point ?? -1)));
  table.tBodies[0].addEventListener("pointerleave", () => SW.hover(-1));
  find.addEventListener("submit", (event) => event.preventDefault());
  find.addEventListener("input", () => { head(); body(); });
  SW.get("all").addEventListener("click", () => { all = !all; body(); });
  SW.clearSort = () => { sort = null; };
  let later = 0;
  SW.draws.push(() => {
    clearTimeout(later); // a hundred rows take longer to lay out than all charts: not while a range is dragged
    if (SW.dragging) later = setTimeout(() => { head(); body(); }, 150); else { head(); body(); }
  });
}
