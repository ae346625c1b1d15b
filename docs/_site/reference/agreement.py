"""Proofs by their claims: what was proved of which unit, and which seeded bugs were refuted."""

import json

import outside

from reference.markdown import plain, table


def proofs() -> str:
    """One table per claim, which many units share."""
    found = json.loads((outside.ROOT / "results/agreement/proofs.json").read_text())
    claims: dict[str, list[dict[str, object]]] = {}
    for proof in found:
        claims.setdefault(proof["claim"], []).append({
            "unit": plain(proof["name"]),
            "expected": proof["expected"],
            "result": proof["result"],
            "reach": plain(proof["reach"]) if proof["result"] == "proved" else "-",
            "solver s": proof["seconds"],
        })
    note = (
        "Each claim is proved of sound units, always or for a number of cycles, and refuted for units with a bug "
        "put in on purpose: a claim that no bug breaks would say nothing. Recorded in "
        "[results/agreement/proofs.md](/results/agreement/proofs.md)."
    )
    return "\n\n".join([
        note,
        *(f"**Claim**: {plain(claim)}.\n\n{table(rows)}" for claim, rows in claims.items()),
    ])
