/* The timeline: all passes on top; below, one pass or one item of it, with a lane per resource. */
LS.timeline = (box, legend, run, { pass, item }, choose) => {
  const t = run.timeline, [name, start, length, items] = t.passes[pass];
  const end = Math.max(...t.passes.map((p) => p[1] + p[2]));
  const lanes = { tensor: ["array", "blue"], vector: ["vector", "green"], dram: ["DRAM", "vermilion"], pim: ["PIM", "sky"], translation: ["translation", "black"] };
  const bound = (index) => `var(--c-${LS.data.colours[t.bounds[index]] ?? "purple"})`;
  const one = item === null ? null : items[item];
  const shown = one ? [one] : items;
  const from = one ? one[1] : 0, size = one ? t.shapes[one[2]][0] : length;
  const used = new Set(shown.flatMap(([, , shape]) => t.shapes[shape][1]).filter((s) => s[0] === 0).map((s) => s[4]));
  legend.replaceChildren();
  LS.legend(legend, [...used].map((b) => ({ label: t.bounds[b] ? `bound by ${t.bounds[b]}` : "not drawn", fill: bound(b) })));
  box.replaceChildren();
  const rows = t.tracks.length, tall = 26, gap = 8, top = 74;
  const height = top - 8 + (rows + 1) * (tall + gap) + 26;
  LS.chart(box, { height, label: `Timeline of ${run.label}, ${name}; shares of busy time are in the tables below` }, (svg, width) => {
    const left = width < 500 ? 74 : 96, right = width - 8;
    const all = LS.scale("linear", [0, end], [left, right]);
    const label = (text, y) => LS.svg("text", { x: 0, y }, svg, text);
    const inside = (text, x, y, w) => { if (w > text.length * 6.6 + 4) LS.svg("text", { x: x + w / 2, y, "text-anchor": "middle", "pointer-events": "none" }, svg, text); };
    label("run", 22);
    t.passes.forEach(([title, at, long, inner], i) => {
      const x = all(at), w = Math.max(all(at + long) - x, 3);
      const box = LS.svg("rect", { class: `whole${i === pass ? " on" : ""}${inner.length ? " item" : ""}`, x, y: 6, width: w, height: 24, rx: 2, "data-tip": `${title}\n${LS.si(long * 1e-9, "s")}` }, svg);
      inside(title, x, 22, w);
      if (inner.length) box.addEventListener("click", () => choose(i, null));
    });
    const x = LS.scale("linear", [0, size], [left, right]);
    LS.svg("text", { class: "soft", x: left, y: 54 }, svg, `${name}${one ? `, ${t.names[one[0]]}` : ""}: ${LS.si(size * 1e-9, "s")}`);
    const place = (row) => top - 8 + row * (tall + gap);
    label(one ? "part" : "parts", place(0) + 17);
    const draw = (parent, at, w, y, fill, tip) => LS.svg("rect", { class: "span", x: at, y, width: Math.max(w, 0.5), height: tall, fill, "data-tip": tip }, parent);
    shown.forEach(([title, at, shape], i) => {
      const px = x(at - from), w = Math.max(x(at - from + t.shapes[shape][0]) - px, 0.75);
      const rect = LS.svg("rect", { class: "whole item", x: px, y: place(0), width: w, height: tall, "data-tip": `${t.names[title]}\n${LS.si(t.shapes[shape][0] * 1e-9, "s")}` }, svg);
      rect.addEventListener("click", () => choose(pass, one ? null : i));
      inside(w > 60 ? t.names[title] : t.names[title].replace("layer ", ""), px, place(0) + 17, w);
    });
    t.tracks.forEach((track, row) => {
      const number = track === "timeline" ? 0 : row, y = place(row + 1), group = LS.svg("g", {}, svg);
      const index = ["timeline", "tensor", "vector", "dram", "pim", "translation"].indexOf(track);
      label(track === "timeline" ? "operators" : lanes[track][0], y + 17);
      if (number) LS.svg("rect", { class: "whole", x: left, y, width: right - left, height: tall }, group);
      /* Neighbours of one colour that would be thinner than a pixel are drawn as one. */
      let open = null, many = 0;
      const close = () => {
        if (!open) return;
        const w = open.end - open.x;
        draw(group, open.x, w - (w > 4 ? 0.75 : 0), y, open.fill, many > 1 ? `${many} operators` : open.tip);
        if (one && many === 1 && w > open.name.length * 6.6 + 6)
          LS.svg("text", { class: open.fill.includes("blue") ? "on-dark" : open.fill.includes("black") ? "on-black" : "on-light", x: open.x + w / 2, y: y + 17, "text-anchor": "middle", "pointer-events": "none" }, group, open.name);
        open = null;
      };
      for (const [title, at, shape] of shown) for (const [lane, op, rel, long, b] of t.shapes[shape][1]) {
        if (lane !== index) continue;
        const begin = x(at - from + rel), finish = Math.min(x(at - from + rel + long), right);
        const fill = lane ? `var(--c-${lanes[track][1]})` : bound(b);
        const tip = `${t.names[op]}${one ? "" : `, ${t.names[title]}`}\n${lane ? "busy " : ""}${LS.si(long * 1e-9, "s")}${lane ? "" : `, ${t.bounds[b] === "overlapped" ? "overlapped" : `bound by ${t.bounds[b]}`}`}`;
        if (open && open.fill === fill && finish - open.x < 1) { open.end = Math.max(open.end, finish); many += 1; continue; }
        close();
        open = { x: begin, end: finish, fill, tip, name: t.names[op] }; many = 1;
      }
      close();
    });
    const bottom = place(rows + 1);
    const axis = LS.svg("g", { "aria-hidden": "true" }, svg);
    LS.svg("path", { class: "axis", d: `M${left},${bottom}H${right}` }, axis);
    for (const tick of x.ticks(width < 500 ? 3 : 8)) LS.svg("text", { class: "soft", x: x(tick), y: bottom + 16, "text-anchor": tick ? "middle" : "start" }, axis, LS.si(tick * 1e-9, "s"));
  });
};
