/* The roofline: log-log, two roofs, a mark per class of GEMMs and phase. */
LS.roofline = (box, legend, run) => {
  const ridge = run.peak / run.bandwidth;
  const known = run.points.map((p) => p.macs_per_byte).filter((v) => v !== null);
  const low = Math.min(ridge, ...known) / 4, high = Math.max(ridge, ...known) * 4;
  const bottom = Math.min(...run.points.map((p) => p.macs_per_s / 2), run.peak / 30);
  const shapes = { prefill: "circle", decode: "triangle" };
  legend.replaceChildren();
  LS.legend(legend, [
    { label: `peak ${LS.si(run.peak, "MAC/s")}`, fill: "var(--ink)", line: true },
    { label: `DRAM ${LS.si(run.bandwidth, "B/s")} sustained`, fill: "var(--ink)", line: true, dash: "6 4" },
    ...run.points.map((p) => ({ label: p.label, fill: LS.colours[p.rank], shape: shapes[p.phase] })),
  ]);
  box.replaceChildren();
  LS.chart(box, { height: (width) => Math.max(300, Math.min(460, width * 0.5)), label: "Roofline; its numbers are in the table below" }, (svg, width, height) => {
    const x = LS.scale("log", [low, high], [72, width - 14]), y = LS.scale("log", [bottom, run.peak * 2], [height - 46, 24]);
    LS.axes(svg, { x, y, xTicks: width < 500 ? 4 : 8, yTicks: 6, xTitle: width < 500 ? "MAC per byte of DRAM traffic" : `arithmetic intensity, MAC per byte of DRAM traffic (roofs meet at ${Number(ridge.toPrecision(3))})`, yTitle: "throughput, MAC/s" });
    const start = Math.max(low, bottom / run.bandwidth);
    LS.svg("path", { d: `M${x(ridge)},${y(run.peak)}H${x(high)}`, stroke: "var(--ink)", "stroke-width": 2, fill: "none" }, svg);
    LS.svg("path", { d: `M${x(start)},${y(start * run.bandwidth)}L${x(ridge)},${y(run.peak)}`, stroke: "var(--ink)", "stroke-width": 2, "stroke-dasharray": "6 4", fill: "none" }, svg);
    /* Marks shrink with rank, so that one on another leaves its rim in view; a tip tells of all at its place. */
    const placed = run.points.map((p) => {
      const roof = run.pim || p.macs_per_byte === null ? run.peak : Math.min(run.peak, p.macs_per_byte * run.bandwidth);
      const intensity = p.macs_per_byte === null ? "no DRAM traffic" : `${Number(p.macs_per_byte.toPrecision(3))} MAC per byte`;
      const tip = `${p.label}: ${LS.si(p.macs_per_s, "MAC/s")}\n${LS.percent(p.macs_per_s / roof)} of ${run.pim ? "the peak" : "the roof above it"}, ${intensity}, ${LS.si(p.latency_s, "s")}`;
      return { p, x: x(p.macs_per_byte ?? high), y: y(p.macs_per_s), tip };
    });
    for (const { p, x, y, tip } of placed) {
      const near = placed.filter((other) => Math.hypot(other.x - x, other.y - y) < 9);
      LS.mark(svg, { shape: shapes[p.phase], x, y, size: Math.max(18 - 2 * p.rank, 8), fill: LS.colours[p.rank], tip: near.map((other) => other.tip).join("\n\n"), label: tip });
    }
  });
};
