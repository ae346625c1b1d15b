"""Emit a repeated component's Verilog once and instantiate it many times.

Amaranth writes one Verilog module per instance; a 16x16 array would be 256 copies of one PE.
"""

import re

from amaranth.back import verilog
from amaranth.hdl import *
from amaranth.lib import wiring


def verilog_of(component: wiring.Component, name: str, platform: object = None) -> str:
    """Verilog of one component, without source locations and Amaranth's own attributes."""
    return verilog.convert(
        component, name=name, platform=platform, emit_src=False, strip_internal_attrs=True
    )


class SharedModules:
    """A platform that collects the Verilog of shared components.

    Pass one to :func:`verilog_of`; afterwards ``text`` holds the modules that the instances refer to.
    Their names start with ``prefix``.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._modules: dict[object, tuple[str, str]] = {}

    @property
    def text(self) -> str:
        """Verilog of all shared modules."""
        return "\n".join(text for _, text in self._modules.values())

    def instance(self, component: wiring.Component) -> Instance:
        """Stand in for ``component``, bound to its port signals.

        Components of one class with equal ``cfg`` share a module; both must define it completely.
        """
        key = (type(component), component.cfg)
        if key not in self._modules:
            name = f"{self._prefix}_{type(component).__name__}_{len(self._modules)}"
            self._modules[key] = (name, "")  # the name is taken, whatever is inside
            self._modules[key] = (name, verilog_of(component, name, self))
        component._MustUse__used = True  # by its stand-in, or Amaranth would warn that it is not
        name, text = self._modules[key]
        ports = {}
        for path, member, value in component.signature.flatten(component):
            ports[f"{'i' if member.flow == wiring.In else 'o'}_{'__'.join(path)}"] = value
        # A purely combinational or reset-free component has no clk or rst port.
        for port, signal in (("clk", ClockSignal()), ("rst", ResetSignal())):
            if re.search(rf"^\s*input {port};$", text, re.MULTILINE):
                ports[f"i_{port}"] = signal
        return Instance(name, **ports)


def shared(platform: object, component: wiring.Component) -> wiring.Component | Instance:
    """``component`` itself, or an instance of its module where the platform collects modules."""
    return platform.instance(component) if isinstance(platform, SharedModules) else component
