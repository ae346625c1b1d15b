/* The page of runs: tables, roofline and timeline, and the controls between them. */
{
  const find = (id) => document.getElementById(id), runs = LS.data.runs;
  LS.table(find("ops-table"), find("ops-filter"));
  LS.table(find("sources-table"), find("sources-filter"));
  if (find("difference-table")) LS.table(find("difference-table"), find("difference-filter"));

  const roofline = () => {
    const chosen = find("roofline-run");
    LS.roofline(find("roofline-chart"), find("roofline-legend"), runs[chosen ? chosen.value : 0]);
  };
  if (find("roofline-run")) find("roofline-run").addEventListener("change", roofline);
  roofline();

  const selects = { run: find("timeline-run"), pass: find("timeline-pass"), item: find("timeline-item") };
  const run = () => runs[selects.run ? selects.run.value : 0];
  const options = (select, entries) => { select.replaceChildren(); for (const [value, text] of entries) LS.el("option", { value }, select, text); };
  const choose = (pass, item) => {
    const t = run().timeline;
    options(selects.pass, t.passes.map((p, i) => [i, p[0]]).filter(([i]) => t.passes[i][3].length));
    selects.pass.value = pass;
    options(selects.item, [["", "all"], ...t.passes[pass][3].map((each, i) => [i, t.names[each[0]]])]);
    selects.item.value = item ?? "";
    LS.timeline(find("timeline-chart"), find("timeline-legend"), run(), { pass, item }, choose);
  };
  find("timeline-form").addEventListener("submit", (event) => event.preventDefault());
  if (selects.run) selects.run.addEventListener("change", () => choose(0, null));
  selects.pass.addEventListener("change", () => choose(Number(selects.pass.value), null));
  selects.item.addEventListener("change", () => choose(Number(selects.pass.value), selects.item.value === "" ? null : Number(selects.item.value)));
  choose(0, null);
}
