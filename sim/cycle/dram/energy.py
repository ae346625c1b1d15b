"""Energy of a run from data sheet currents.

For each supply rail of a chip, with standby by JEDEC's IDD2N (all banks closed) and IDD3N (a bank
open), in pJ = V x mA x ns (Micron TN-40-07, whose background terms are the first two lines):

- background  V x (IDD3N x cycles with an open bank + IDD2N x the others) x tCK
- activate    V x (IDD0 x tRC - IDD3N x tRAS - IDD2N x (tRC - tRAS)) x tCK, per ACT and its PRE
- read        V x (IDD4R - IDD3N) x burst x tCK, per RD; write alike with IDD4W
- refresh     V x (IDD5B - IDD2N) x tRFC x tCK, per REFab; a REFpb takes its share of the banks

times the chips of a rank. Terminations, the PHY and the controller are not part of it.
"""

from lockstep.sim.cycle.dram.engine import DramRun


def energy_pj(run: DramRun) -> dict[str, float] | None:
    """Picojoules by part, and their ``total``; None if the memory's currents are not known."""
    spec, commands = run.spec, run.commands
    if not spec.rails:
        return None
    t, g = spec.timing, spec.geometry
    reads = commands["RD"] + commands["RDA"]
    writes = commands["WR"] + commands["WRA"]
    refreshes = commands["REFab"] + commands["REFpb"] / g.banks_per_rank
    idle_cycles = g.channels * g.ranks_per_channel * run.cycles - run.active_cycles
    parts = dict.fromkeys(("background", "activate", "read", "write", "refresh"), 0.0)
    for rail in spec.rails:
        pj = rail.volts * spec.clock_ps * 1e-3 * g.devices_per_rank  # of one mA for one cycle
        standby = rail.idd3n_ma * run.active_cycles + rail.idd2n_ma * max(0, idle_cycles)
        parts["background"] += pj * standby
        parts["activate"] += pj * rail.act_ma_cycles(t) * commands["ACT"]
        parts["read"] += pj * (rail.idd4r_ma - rail.idd3n_ma) * t.burst * reads
        parts["write"] += pj * (rail.idd4w_ma - rail.idd3n_ma) * t.burst * writes
        parts["refresh"] += pj * (rail.idd5b_ma - rail.idd2n_ma) * t.rfc * refreshes
    return parts | {"total": sum(parts.values())}
