"""Templates, styles and scripts of the HTML reports; see :mod:`lockstep.sim.report.shell`."""
