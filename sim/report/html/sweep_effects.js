/* Effect of each axis on a metric: of the ok points that pass the filters. */
{
  const { svg: S, el: E } = LS, get = SW.get;
  let effects = [];
  const quantile = (sorted, share) => { const at = share * (sorted.length - 1), low = Math.floor(at); return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]); };
  const split = (c) => {
    if (c.labels) return c.labels.map((text, v) => [text, (u) => u === v]);
    const values = [...new Set(c.at)].sort((a, b) => a - b);
    if (values.length <= 16) return values.map((v) => [SW.text(c, v), (u) => u === v]);
    const scale = LS.scale(SW.kind(c), c.extent, [0, 8]);
    return [...Array(8).keys()].map((n) => [`${SW.figure(scale.invert(n))} – ${SW.figure(scale.invert(n + 1))}`, (u) => Math.min(7, Math.floor(scale(u) + 1e-9)) === n]);
  };
  const used = () => { const sweep = SW.sweep(), c = sweep.by.get(get("effect").value); return [sweep, c, [...sweep.number.keys()].filter((i) => SW.on[i] && sweep.status[i] < 2 && c.at[i] !== null)]; };
  const share = (c, parts, points) => {
    const into = (i) => (c.log ? Math.log10(c.at[i]) : c.at[i]), mean = (own) => own.reduce((sum, i) => sum + into(i), 0) / own.length, all = mean(points);
    const total = points.reduce((sum, i) => sum + (into(i) - all) ** 2, 0), between = parts.reduce((sum, own) => (own.length ? sum + own.length * (mean(own) - all) ** 2 : sum), 0);
    return total > 0 ? between / total : 0;
  };
  const effect = (a, heading) => (svg, width) => {
    const [, c, points] = used(), rows = split(a).map(([text, test]) => [text, points.filter((i) => test(a.at[i]))]);
    heading.textContent = points.length ? ` explains ${Math.round(100 * share(c, rows.map(([, own]) => own), points))} % of the variance of ${c.log ? "log " : ""}${c.name}` : "";
    const room = Math.min(width * 0.4, 14 + 6.8 * Math.max(...rows.map(([text]) => text.length))), height = rows.length * 24 + 52;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (!points.length) return S("text", { x: 4, y: 20, class: "soft" }, svg, "No ok point passes the filters.");
    const x = LS.scale(SW.kind(c), SW.padded([Math.min(...points.map((i) => c.at[i])), Math.max(...points.map((i) => c.at[i]))], c.log), [room, width - 10]);
    LS.axes(svg, { x, y: LS.scale("linear", [0, 1], [height - 42, 2]), xTitle: c.name, xFormat: (v) => SW.tick(c, v), xTicks: 4, yTicks: 0.01, yFormat: () => "" });
    rows.forEach(([text, own], n) => {
      const y = 15 + n * 24, most = Math.floor((room - 10) / 6.6), sorted = own.map((i) => c.at[i]).sort((u, v) => u - v);
      S("text", { x: room - 8, y: y + 4, "text-anchor": "end", class: own.length ? null : "soft" }, svg, text.length > most ? `${text.slice(0, most - 1)}…` : text);
      if (!own.length) return;
      const [low, q1, mid, q3, high] = [0, 0.25, 0.5, 0.75, 1].map((s) => quantile(sorted, s)), best = c.sense ? (c.sense === "min" ? low : high) : null;
      const tip = `${a.name} ${text}: ${own.length} points\n${best === null ? "" : `best ${SW.text(c, best)}, `}median ${SW.text(c, mid)}\nmiddle half ${SW.text(c, q1)} to ${SW.text(c, q3)}\nall ${SW.text(c, low)} to ${SW.text(c, high)}`;
      const group = S("g", { tabindex: 0, role: "img", "aria-label": tip, "data-tip": tip }, svg);
      S("rect", { class: "hit", x: room, y: y - 12, width: width - room, height: 24 }, group);
      S("line", { class: "whisker", x1: x(low), x2: x(high), y1: y, y2: y }, group);
      S("rect", { class: "box", x: x(q1), width: Math.max(1, x(q3) - x(q1)), y: y - 6, height: 12, rx: 2 }, group);
      S("line", { class: "median", x1: x(mid), x2: x(mid), y1: y - 7, y2: y + 7 }, group);
      if (best !== null) LS.mark(group, { shape: "diamond", x: x(best), y, size: 8, fill: "var(--c-vermilion)" });
    });
    return null;
  };
  SW.stage = () => {
    const host = get("effect-charts");
    host.replaceChildren();
    effects = SW.sweep().columns.filter((c) => c.kind === "axis").map((a) => {
      const figure = E("figure", {}, host), heading = E("small", {}, E("h3", {}, figure, a.name));
      return LS.chart(E("div", {}, figure), { height: 60, label: `Effect of ${a.name}` }, effect(a, heading));
    });
  };
  SW.draws.push(() => { for (const again of effects) again(); });
}
