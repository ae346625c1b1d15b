"""Synthesis with Yosys: Verilog in, gates of a cell library out.

No script is best for every circuit, and the ratio of two designs means little if only one of them met
a script that suits it. So each design goes through all of :data:`RECIPES`, and for every module
the smallest result that meets the target is kept. Between single scripts the area differs by about 1.3x.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockstep.arch.config import Config
from lockstep.rtl.build import to_verilog
from lockstep.rtl.synth import timing as timing_source
from lockstep.rtl.synth.cells import Library
from lockstep.rtl.synth.logical_effort import generic_library
from lockstep.rtl.synth.netlist import Module, parse_netlist
from lockstep.rtl.synth.synthesis import Synthesis, blocks, figures
from lockstep.rtl.synth.timing import analyse
from lockstep.rtl.synth.tool import SynthesisError, cache_dir, run_script, version

__all__ = ["SynthesisError", "synthesize", "synthesize_unit"]

# An adder's carries rippling: the smallest, where time is left. Yosys' own choice is Brent-Kung.
# The name makes it sort, and so be tried, before Yosys' own map.
_RIPPLE = """(* techmap_celltype = "$lcu" *)
module _80_ripple_carry (P, G, CI, CO);
  parameter WIDTH = 2;
  input [WIDTH-1:0] P, G;
  input CI;
  output [WIDTH-1:0] CO;
  wire [WIDTH:0] c;
  assign c[0] = CI, CO = c[WIDTH:1];
  genvar i;
  for (i = 0; i < WIDTH; i = i + 1) assign c[i + 1] = G[i] | (P[i] & c[i]);
endmodule
"""

_ADDERS = {"ripple": "-map +/techmap.v -map ripple.v", "brent-kung": ""}
_MULTIPLIERS = {"booth": "-booth", "plain": ""}  # plain: rows of AND gates in a carry-save tree
# {D} becomes the target. In the end all buffer what is loaded too much, and size the gates.
_SIZING = "buffer -c; topo; upsize {D}; dnsize {D}"
_CLEANUP = (
    "strash; ifraig; scorr; dc2; balance; rewrite; refactor; balance; rewrite; rewrite -z; "
    "balance; refactor -z; rewrite -z; balance; "
)
_MAPPINGS = {
    "small": f"{_CLEANUP}dch -f; amap -m; topo; ",
    "even": "strash; &get -n; &fraig -x; &put; scorr; dc2; strash; &get -n; &dch -f; &nf {D}; "
    "&put; ",
    "fast": "strash; dch; if -g -K 6; strash; dch; map -B 0.9 {D}; topo; ",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A way through Yosys: how multipliers, adders and gates are mapped."""

    multiplier: str
    adder: str
    mapping: str

    @property
    def name(self) -> str:
        """``MULTIPLIER, ADDER, MAPPING``."""
        return f"{self.multiplier}, {self.adder}, {self.mapping}"


RECIPES = (
    *(Recipe("booth", adder, mapping) for adder in _ADDERS for mapping in _MAPPINGS),
    Recipe("plain", "brent-kung", "small"),
    Recipe("plain", "brent-kung", "fast"),
)
"""What a design goes through; ``fast`` only where there is a target."""


def synthesize(
    verilog: str,
    top: str,
    *,
    library: Library | None = None,
    target_delay_ns: float | None = None,
    keep_hierarchy: bool = False,
    recipes: Sequence[Recipe] = RECIPES,
    progress: Callable[[str], None] | None = None,
) -> Synthesis:
    """Map a design to gates; results are cached by all that they depend on.

    Registers lose their initial values: gates have none. A synchronous reset becomes gates. Memories
    stay what they are: their bits are counted, they are no gates.

    Parameters
    ----------
    verilog : str
        The design.
    top : str
        Its top module.
    library : Library or None
        None: the shipped 28 nm library.
    target_delay_ns : float or None
        Clock period to meet, if need be with larger gates; None: the smallest area at any speed.
    keep_hierarchy : bool
        Map each module once, on its own; otherwise everything is flattened into the top.
    recipes : sequence of Recipe
        What to try.
    progress : callable or None
        Told in a line what takes long.

    Raises
    ------
    SynthesisError
        If Yosys refuses the design, or the library lacks a cell that it needs.
    lockstep.arch.error.InputError
        If there is no Yosys.
    ValueError
        If the design has a combinational loop.
    """
    library = library or generic_library()
    if target_delay_ns is None:
        recipes = [r for r in recipes if r.mapping != "fast"] or recipes

    def files(recipes: Sequence[Recipe], sized: bool) -> dict[str, str]:
        return _files(verilog, top, library, recipes, target_delay_ns, keep_hierarchy, sized)

    ours = [Path(str(file)).read_text() for file in (__file__, timing_source.__file__)]
    parts = [version(), *ours, *(f"{name}\0{text}" for name, text in files(recipes, True).items())]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
    kept = cache_dir() / f"synth-{key}.json"
    if not kept.exists():
        if progress is not None:
            progress(f"{top}: mapping to gates, {len(recipes)} scripts of {version()}")
        best = _best(files, top, library, recipes, target_delay_ns)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=kept.parent, delete=False) as half_written:
            json.dump(best, half_written)
        Path(half_written.name).rename(kept)
    text = kept.read_text()
    netlist = parse_netlist(text, top, library)
    timings = {name: analyse(netlist.modules[name], library) for name in netlist.copies}
    return Synthesis(
        top=top,
        netlist=netlist,
        library=library,
        blocks=blocks(netlist, library, timings, json.loads(text)["recipes"]),
        tool=version(),
        netlist_json=kept,
        target_delay_ns=target_delay_ns,
    )


def synthesize_unit(cfg: Config, *, name: str = "unit", **options: Any) -> Synthesis:
    """Synthesize the component of a unit's config; ``options`` as of :func:`synthesize`.

    Raises
    ------
    ValueError
        If the unit, or a format it uses, has no RTL.
    """
    return synthesize(to_verilog(cfg, name), name, **options)


def _files(
    verilog: str,
    top: str,
    library: Library,
    recipes: Sequence[Recipe],
    target_delay_ns: float | None,
    keep_hierarchy: bool,
    sized: bool,
) -> dict[str, str]:
    """What Yosys is to find in its working directory."""
    slack_ps = 1e6 if target_delay_ns is None else _between_registers_ps(library, target_delay_ns)
    inverter = library.inverter
    files = {
        "design.v": verilog,
        "cells.lib": library.text,
        "ripple.v": _RIPPLE,
        "drivers.txt": f"set_driving_cell {inverter.name}\n"
        f"set_load {inverter.inputs[0].capacitance_ff:.6g}\n",
        "script.ys": "\n".join(_script(top, recipes, keep_hierarchy)),
    }
    for i, recipe in enumerate(recipes):
        abc = _MAPPINGS[recipe.mapping] + (_SIZING if sized else "")
        files[f"{i}.abc"] = abc.replace("{D}", f"-D {slack_ps:.0f}")
    return files


def _script(top: str, recipes: Sequence[Recipe], keep_hierarchy: bool) -> Iterator[str]:
    """One session: the front end for each multiplier and adder, then each mapping of it."""
    flatten = "" if keep_hierarchy else "flatten; "
    yield "read_liberty -lib cells.lib; read_verilog design.v"
    # Initial values are dropped before any optimisation could make use of them.
    yield f"hierarchy -check -top {top}; proc; {flatten}attrmap -remove init; design -save read"
    front = ("", "")
    for i, recipe in enumerate(recipes):
        if front != (recipe.multiplier, recipe.adder):
            front = (recipe.multiplier, recipe.adder)
            yield f"design -load read; synth -top {top} -run begin:fine {_MULTIPLIERS[front[0]]}"
            # The rest of synth, but without its memory_map.
            yield f"opt -fast -full; opt -full; techmap {_ADDERS[front[1]]}; opt -fast"
            yield "dfflibmap -liberty cells.lib; opt_clean -purge; design -save mapped"
        yield "design -load mapped"
        yield f"abc -liberty cells.lib -constr drivers.txt -script {i}.abc"
        yield f"opt_clean -purge; write_json {i}.json"


def _between_registers_ps(library: Library, target_delay_ns: float) -> float:
    """What a period leaves for gates: without clock to output, at four inputs' load, and setup."""
    flop = library.flip_flop
    assert flop.next_state is not None
    data = flop.pins[flop.next_state.kind]
    launch = [
        table.at(0.0, 4 * data.capacitance_ff)
        for pin in flop.outputs
        for arc in pin.arcs
        if arc.kind == "clock_to_q"
        for table in arc.delay.values()
    ]
    setup = [t.at(0.0, 0.0) for arc in data.arcs if arc.kind == "setup" for t in arc.delay.values()]
    return max(1.0, 1e3 * (target_delay_ns - max(launch) - max(setup, default=0.0)))


def _best(
    files: Callable[[Sequence[Recipe], bool], dict[str, str]],
    top: str,
    library: Library,
    recipes: Sequence[Recipe],
    target_delay_ns: float | None,
) -> dict[str, Any]:
    """Run all recipes; a netlist as Yosys writes it, with the best version of every module."""
    best: dict[str, Any] = {"modules": {}, "recipes": {}}
    found: dict[str, tuple[bool, float]] = {}
    for recipe, text in _netlists(files, recipes):
        described = json.loads(text)["modules"]
        netlist = parse_netlist(text, top, library)
        for name in netlist.copies:
            rank = _rank(netlist.modules[name], library, target_delay_ns)
            if name not in found or rank < found[name]:
                found[name] = rank
                best["modules"][name] = described[name]
                best["recipes"][name] = recipe
    return best


def _netlists(
    files: Callable[[Sequence[Recipe], bool], dict[str, str]], recipes: Sequence[Recipe]
) -> list[tuple[str, str]]:
    """Each recipe's name and netlist.

    If one fails, each is run alone without sizing, and those that fail again are left out: ABC needs
    a variety of cells and sizes that most libraries have, but not all.
    """
    try:
        texts = _run(files(recipes, True), len(recipes))
        return [(recipe.name, text) for recipe, text in zip(recipes, texts, strict=True)]
    except SynthesisError as error:
        failed = error
    results = []
    for recipe in recipes:
        try:
            (text,) = _run(files([recipe], False), 1)
        except SynthesisError:
            continue
        results.append((f"{recipe.name}, not sized", text))
    if not results:
        raise failed
    return results


def _run(files: dict[str, str], netlists: int) -> list[str]:
    """Run a script in a folder of its own; the netlists that it wrote."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, text in files.items():
            (folder / name).write_text(text)
        run_script("script.ys", folder)
        return [(folder / f"{i}.json").read_text() for i in range(netlists)]


def _rank(module: Module, library: Library, target_delay_ns: float | None) -> tuple[bool, float]:
    """Lower is better: the smallest that meets the target, else the fastest."""
    delay_ns = analyse(module, library).delay_ns
    if target_delay_ns is not None and delay_ns > target_delay_ns:
        return True, delay_ns
    return False, figures(module, library).area_um2
