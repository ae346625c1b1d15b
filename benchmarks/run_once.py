"""One simulated run in a fresh process, timed by step; nothing is warm or kept.

``python -m benchmarks.run_once MACHINE MODEL PREFILL DECODE BATCH LAYERS_FACTOR`` writes JSON:
``import_s``, ``load_s``, ``simulate_s``.
"""

import json
import sys
import time


def main() -> None:
    machine, model_name = sys.argv[1:3]
    prefill, decode, batch, factor = (int(word) for word in sys.argv[3:])
    begin = time.perf_counter()
    from lockstep.arch.machine import load_machine
    from lockstep.sim.run import simulate
    from lockstep.workloads.model import load_model

    imported = time.perf_counter()
    system, model = load_machine(machine), load_model(model_name)
    loaded = time.perf_counter()
    deeper = tuple(f.model_copy(update={"layers": factor * f.layers}) for f in model.ffn)
    model = model.model_copy(update={"ffn": deeper})
    ready = time.perf_counter()
    simulate(system, model, prefill=prefill, decode=decode, batch=batch)
    done = time.perf_counter()
    times = {"import_s": imported - begin, "load_s": loaded - imported, "simulate_s": done - ready}
    sys.stdout.write(json.dumps(times) + "\n")


if __name__ == "__main__":
    main()
