"use strict";
/* What every report shares: data, tooltips, theme, sorted and filtered tables, and SVG charts. */
const LS = { data: JSON.parse(document.getElementById("data").textContent) };

/* Elements; text is always text, never HTML. `LS.svg` makes SVG elements. */
LS.node = (namespace, tag, attributes = {}, parent = null, text = null) => {
  const node = document.createElementNS(namespace, tag);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) node.setAttribute(key, value);
  if (text !== null) node.textContent = text;
  if (parent) parent.append(node);
  return node;
};
LS.el = (...a) => LS.node("http://www.w3.org/1999/xhtml", ...a);
LS.svg = (...a) => LS.node("http://www.w3.org/2000/svg", ...a);

/* Three digits and a unit prefix, as in the tables. */
LS.si = (value, unit = "") => {
  if (value === 0 || !Number.isFinite(value)) return `${value} ${unit}`.trim();
  const rounded = Number(value.toPrecision(3));
  let power = Math.max(-4, Math.min(6, Math.floor(Math.log10(Math.abs(rounded)) / 3 + 1e-9)));
  const text = String(Number((rounded / 10 ** (3 * power)).toPrecision(3)));
  return `${text} ${["p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E"][power + 4]}${unit}`.trim();
};
LS.percent = (share) => `${(100 * share).toFixed(1)} %`;

/* Tooltips: any element with data-tip, on hover and on focus. */
{
  const tip = document.getElementById("tip");
  let target = null, mouse = null;
  const place = () => {
    const box = target.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const [x, y, above] = mouse ? [mouse.x + 12, mouse.y + 16, mouse.y] : [box.left, box.bottom + 6, box.top];
    tip.style.left = `${Math.max(6, Math.min(x, innerWidth - own.width - 6))}px`;
    tip.style.top = `${y + own.height > innerHeight - 6 ? Math.max(6, above - own.height - 10) : y}px`;
  };
  const show = (event) => {
    const found = event.target.closest ? event.target.closest("[data-tip]") : null;
    /* A page that scrolls under a resting mouse does not take away what focus shows. */
    if (!found && event.type !== "focusin" && target && !mouse) return;
    target = found;
    mouse = event.type === "focusin" ? null : { x: event.clientX, y: event.clientY };
    tip.hidden = !target;
    if (!target) return;
    tip.textContent = target.dataset.tip;
    place();
  };
  const hide = () => { target = null; tip.hidden = true; };
  for (const type of ["pointerover", "pointermove", "focusin"]) document.addEventListener(type, show);
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", () => { if (target) place(); }, { passive: true, capture: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  /* What only shows on hover is read out too. */
  for (const node of document.querySelectorAll("[data-tip]")) node.setAttribute("aria-description", node.dataset.tip);
}

/* Theme: as the system's until the reader chooses; the choice is kept where the browser lets us. */
{
  const button = document.getElementById("theme"), root = document.documentElement;
  const kept = (value) => {
    try { return value ? localStorage.setItem("lockstep-theme", value) : localStorage.getItem("lockstep-theme"); } catch { return null; }
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const label = () => { button.textContent = dark() ? "Light" : "Dark"; button.setAttribute("aria-label", `Switch to ${dark() ? "light" : "dark"} colours`); };
  if (["light", "dark"].includes(kept())) root.dataset.theme = kept();
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; kept(root.dataset.theme); label(); });
  system.addEventListener("change", label);
  button.hidden = false;
  label();
}

/* On paper, what is folded is open. */
addEventListener("beforeprint", () => { for (const fold of document.querySelectorAll("details")) fold.open = true; });

/* A table that sorts by its headers and filters by the controls of a form.
 * Cells sort by data-value (a number) where they have one, else by text. Controls, inside `form`:
 * input[data-filter=text] searches the words of a row; select[data-filter=KEY] wants row.dataset[KEY].
 * Returns {apply, where(predicate), shown()}; `where` adds a test of rows, null takes it away.
 * An <output> in the form says how many rows are shown; the event "filtered" is sent to the table. */
LS.table = (table, form = null) => {
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  const output = form && form.querySelector("output");
  let test = null;
  const key = (row, column) => {
    const cell = row.cells[column], value = cell.dataset.value;
    return value === undefined ? cell.textContent.trim().toLowerCase() : value === "" ? null : Number(value);
  };
  const order = (a, b) => (a === null) - (b === null) || (typeof a === typeof b && a !== null ? (a < b ? -1 : a > b ? 1 : 0) : 0);
  heads.forEach((head, column) => {
    if (head.dataset.nosort !== undefined) return;
    const button = LS.el("button", { type: "button" }, null, head.textContent.trim());
    if (head.dataset.tip) button.setAttribute("aria-description", head.dataset.tip);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const numeric = rows.some((row) => row.cells[column].dataset.value !== undefined);
      const was = head.getAttribute("aria-sort");
      const sort = was ? (was === "descending" ? "ascending" : "descending") : numeric ? "descending" : "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sort);
      const sign = sort === "ascending" ? 1 : -1;
      const keyed = rows.map((row, i) => [key(row, column), i, row]);
      keyed.sort((a, b) => (a[0] === null || b[0] === null ? order(a[0], b[0]) : sign * order(a[0], b[0])) || a[1] - b[1]);
      body.append(...keyed.map((each) => each[2]));
    });
  });
  const shown = () => rows.filter((row) => !row.hidden);
  const apply = () => {
    const controls = form ? [...form.querySelectorAll("[data-filter]")].filter((c) => c.value) : [];
    for (const row of rows) {
      row.hidden = !controls.every((c) => c.dataset.filter === "text"
        ? c.value.toLowerCase().split(/\s+/).every((word) => row.textContent.toLowerCase().includes(word))
        : row.dataset[c.dataset.filter] === c.value) || Boolean(test && !test(row));
    }
    if (output) output.textContent = `${shown().length} of ${rows.length} rows`;
    table.dispatchEvent(new CustomEvent("filtered"));
  };
  if (form) {
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", apply);
    form.addEventListener("reset", () => setTimeout(apply));
  }
  apply();
  return { apply, shown, where: (predicate) => { test = predicate; apply(); } };
};

/* Scales: a function from values to pixels, with ticks() and invert(). */
LS.scale = (kind, domain, range) => {
  const log = kind === "log", into = log ? Math.log10 : (v) => v, back = log ? (v) => 10 ** v : (v) => v;
  const [low, high] = domain.map(into), span = high - low || 1;
  const scale = (value) => range[0] + ((into(value) - low) / span) * (range[1] - range[0]);
  scale.invert = (pixel) => back(low + ((pixel - range[0]) / (range[1] - range[0])) * span);
  scale.ticks = (count = 5) => {
    const found = [];
    if (log) {
      const every = Math.max(1, Math.ceil(span / count)), digits = span < 1.5 ? [1, 2, 5] : span < 3 ? [1, 3] : [1];
      for (let power = Math.floor(low); power <= Math.ceil(high); power += 1)
        if (power % every === 0) for (const digit of digits) if (into(digit * 10 ** power) >= low - 1e-9 && into(digit * 10 ** power) <= high + 1e-9) found.push(digit * 10 ** power);
      return found;
    }
    const rough = Math.abs(span) / count, size = 10 ** Math.floor(Math.log10(rough));
    const step = size * [1, 2, 5, 10].find((each) => each * size >= rough * 0.999);
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) found.push(Number((i * step).toPrecision(12)));
    return found;
  };
  return Object.assign(scale, { kind, domain, range });
};

/* A chart that follows the width of its box: draw(svg, width) is called again when it changes. */
LS.chart = (box, { height, label }, draw) => {
  const svg = LS.svg("svg", { class: "chart", role: "group", "aria-label": label }, box);
  let last = 0;
  const again = () => {
    const width = Math.round(box.clientWidth);
    if (!width) return;
    last = width;
    const tall = typeof height === "function" ? height(width) : height;
    svg.setAttribute("viewBox", `0 0 ${width} ${tall}`);
    svg.replaceChildren();
    draw(svg, width, tall);
  };
  if (box.observer) box.observer.disconnect(); /* of the chart that was here before */
  box.observer = new ResizeObserver(() => { if (Math.abs(box.clientWidth - last) > 1) again(); });
  box.observer.observe(box);
  again();
  return again;
};

/* Axes with grid, ticks and titles. x and y are scales whose ranges are the plot's edges. */
LS.axes = (svg, { x, y, xTitle, yTitle, xFormat = LS.si, yFormat = LS.si, xTicks = 6, yTicks = 6 }) => {
  const [left, right] = x.range, [bottom, top] = y.range, group = LS.svg("g", { "aria-hidden": "true" }, svg);
  for (const tick of x.ticks(xTicks)) {
    LS.svg("line", { class: "grid", x1: x(tick), x2: x(tick), y1: top, y2: bottom }, group);
    LS.svg("text", { class: "soft", x: x(tick), y: bottom + 17, "text-anchor": "middle" }, group, xFormat(tick));
  }
  for (const tick of y.ticks(yTicks)) {
    LS.svg("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }, group);
    LS.svg("text", { class: "soft", x: left - 7, y: y(tick) + 4, "text-anchor": "end" }, group, yFormat(tick));
  }
  LS.svg("path", { class: "axis", d: `M${left},${top}V${bottom}H${right}` }, group);
  if (xTitle) LS.svg("text", { x: (left + right) / 2, y: bottom + 38, "text-anchor": "middle" }, group, xTitle);
  if (yTitle) LS.svg("text", { x: 0, y: top - 10 }, group, yTitle);
  return group;
};

/* A mark: shape circle, triangle, square or diamond of about `size` pixels, with a tooltip. */
LS.mark = (parent, { shape = "circle", x, y, size = 10, fill, tip = null, label = tip, ...rest }) => {
  const r = size / 2, d = {
    circle: `M${x - r},${y}a${r},${r} 0 1,0 ${size},0a${r},${r} 0 1,0 ${-size},0Z`,
    triangle: `M${x},${y - r * 1.15}l${r * 1.1},${r * 2}h${-r * 2.2}Z`,
    square: `M${x - r * 0.9},${y - r * 0.9}h${r * 1.8}v${r * 1.8}h${-r * 1.8}Z`,
    diamond: `M${x},${y - r * 1.25}l${r * 1.25},${r * 1.25}l${-r * 1.25},${r * 1.25}l${-r * 1.25},${-r * 1.25}Z`,
  }[shape];
  const focus = tip === null ? {} : { tabindex: 0, role: "img", "aria-label": label, "data-tip": tip };
  return LS.svg("path", { class: "mark", d, fill, ...focus, ...rest }, parent);
};

/* A legend: entries {label, fill, shape}; `line: true` draws a stroke instead of a mark. */
LS.legend = (box, entries) => {
  const list = LS.el("ul", { class: "legend" }, box);
  for (const { label, fill, shape = "square", line = false, dash = null } of entries) {
    const item = LS.el("li", {}, list), svg = LS.svg("svg", { width: line ? 22 : 14, height: 14, "aria-hidden": "true" }, item);
    if (line) LS.svg("line", { x1: 0, x2: 22, y1: 7, y2: 7, stroke: fill, "stroke-width": 2, "stroke-dasharray": dash }, svg);
    else LS.mark(svg, { shape, x: 7, y: 7, size: 11, fill });
    LS.el("span", {}, item, label);
  }
  return list;
};
LS.colours = ["blue", "orange", "green", "purple", "vermilion", "sky", "grey"].map((name) => `var(--c-${name})`);
