"""What shells are told to complete to, by their own protocols, and in a real bash."""

import os
import shlex
import shutil
import subprocess
import sys
from typing import get_args
from unittest import mock

import pytest

from lockstep.arch.formats import FORMATS
from lockstep.arch.load import shipped
from lockstep.arch.machine import load_machine
from lockstep.arch.mmu import Mechanism
from lockstep.cli import synth, tlb, verify
from lockstep.cli.main import main

NAMES = {folder: sorted(shipped(folder)) for folder in ("machines", "models", "sweeps", "mmu")}


@pytest.fixture
def ask(capsys):
    """Ask as a shell does; returns what it reads."""

    def ask(shell: str, **asked: str) -> str:
        asked["_LOCKSTEP_COMPLETE"] = f"complete_{shell}"
        with mock.patch.dict(os.environ, asked), pytest.raises(SystemExit) as end:
            main([])
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out if end.value.code == 0 else ""

    return ask


@pytest.fixture
def bash(ask):
    """Completions of a line's last word; a trailing blank begins a new one."""

    def complete(line: str) -> list[str]:
        words = line.split(" ")
        out = ask("bash", COMP_WORDS="\n".join(words), COMP_CWORD=str(len(words) - 1))
        return out.split()

    return complete


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lockstep run ", NAMES["machines"]),
        ("lockstep run edge-o", ["edge-os16"]),
        ("lockstep run edge-os16 --model llama-3-", ["llama-3-70b", "llama-3-8b"]),
        ("lockstep run edge-os16 -m gpt2-", ["gpt2-xl"]),
        ("lockstep run edge-os16 --dram e", ["exact"]),
        ("lockstep run edge-os16 --scale-rule ", ["floor", "ceil"]),
        ("lockstep run edge-os16 --kv nv", ["nvfp4", "nvint4"]),
        ("lockstep run edge-os16 --weights ", sorted(FORMATS)),
        ("lockstep run edge-os16 --batch ", []),
        ("lockstep run ./my", []),
        ("lockstep gemm aim", ["aim-cent"]),
        ("lockstep model vit", ["vit-b-16"]),
        ("lockstep model gpt2 --phase d", ["decode"]),
        ("lockstep sweep ", NAMES["sweeps"]),
        ("lockstep reproduce x", ["xr-npe"]),
        ("lockstep schema dram", ["dram", "dram_timing"]),
        ("lockstep rtl sail", ["sail-like"]),
        ("lockstep synth edge-t", ["edge-tree16"]),
        ("lockstep synth edge-os16 --target ", ["generic", "ecp5", "ice40"]),
        ("lockstep verify t", ["tensor", "tlb"]),
        ("lockstep verify tensor cloud-i", ["cloud-iommu"]),
        ("lockstep dram lp", ["lpddr4-2400", "lpddr5-6400"]),
        ("lockstep dram ddr4-3200 ", []),
        ("lockstep dram ddr4-3200 t.txt --mode s", ["serial"]),
        ("lockstep tlb ", NAMES["mmu"]),
        ("lockstep tlb victima --workload b", ["bc", "bfs"]),
        ("lockstep tlb victima --mechanism p", ["pom_tlb"]),
        ("lockstep tlb victima --format l", ["lackey"]),
        ("lockstep r", ["run", "report", "reproduce", "rtl"]),
        ("lockstep run edge-os16 --sc", ["--scale-rule"]),
        ("lockstep --ver", ["--version"]),
    ],
)
def test_values(bash, line, expected):
    assert bash(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lockstep run edge-os16 --set tensor.row", ["tensor.rows=", "tensor.rows=16"]),
        ("lockstep run edge-os16 --set tensor.mac.a", ["tensor.mac.a=", "tensor.mac.acc_bits="]),
        ("lockstep run cloud-ws128 --set tensor.rows=", ["tensor.rows=128"]),
        ("lockstep verify cloud-ws128 --quick --set tensor.col", ["tensor.cols=", "tensor.cols=128"]),
        ("lockstep dram ddr4-3200 t --set controller.ref", ["controller.refresh=", "controller.refresh=all_bank"]),
        ("lockstep tlb victima --set l2.wa", ["l2.ways=", "l2.ways=16"]),
        ("lockstep run --set tensor.ro", []),
        ("lockstep run no-such-machine --set tensor.ro", []),
        ("lockstep run broken.yaml --set tensor.ro", []),
    ],
)  # fmt: skip
def test_keys_of_set(bash, line, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.yaml").write_text("name: [\n")
    assert bash(line) == expected


def test_every_key_of_a_machine_is_one_that_set_takes(bash):
    keys = bash("lockstep run edge-os16 --set ")
    assert len(keys) > 20
    assert all(key.endswith("=") for key in keys)
    pairs = [pair for key in keys for pair in bash(f"lockstep run edge-os16 --set {key}")]
    assert len(pairs) == len(keys)
    assert load_machine("edge-os16", pairs) == load_machine("edge-os16")


def test_words_in_help_are_those_of_the_models():
    from lockstep.workloads.streams.catalogue import WORKLOADS

    assert tuple(WORKLOADS) == tlb.WORKLOADS
    assert get_args(Mechanism) == tlb.MECHANISMS


@pytest.mark.rtl
def test_units_in_help_are_those_of_verify():
    from lockstep.cli.units import UNITS

    assert tuple(UNITS) == verify.UNITS


def test_zsh_gets_values_or_files(ask):
    assert '"edge-os16"' in ask("zsh", _TYPER_COMPLETE_ARGS="lockstep run edge-o")
    assert ask("zsh", _TYPER_COMPLETE_ARGS="lockstep run ./my").strip() == "_files"
    assert '"run":"Run a model' in ask("zsh", _TYPER_COMPLETE_ARGS="lockstep r")


def test_fish_gets_values_or_files(ask):
    asked = {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    assert ask("fish", _TYPER_COMPLETE_ARGS="lockstep run edge-o", **asked).strip() == "edge-os16"
    assert "rtl\tWrite" in ask("fish", _TYPER_COMPLETE_ARGS="lockstep r", **asked)
    asked = {"_TYPER_COMPLETE_FISH_ACTION": "is-args"}
    assert ask("fish", _TYPER_COMPLETE_ARGS="lockstep run ./my", **asked) == ""


@pytest.fixture
def lockstep_on_path(tmp_path):
    """An environment where ``lockstep`` is this package's."""
    script = tmp_path / "lockstep"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m lockstep.cli.main "$@"\n')
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "edge-o"], ["edge-os16"]),
        (["run", "edge-os16", "--set", "tensor.rows", "=", "8", "--model", "gpt2-"], ["gpt2-xl"]),
        (["run", "edge-os16", "--set", "tensor.rows", "=", ""], []),
    ],
)
def test_a_real_bash_completes(lockstep_on_path, words, expected):
    line = " ".join(map(shlex.quote, ["lockstep", *words]))
    code = (
        'eval "$(_LOCKSTEP_COMPLETE=source_bash lockstep)"\n'
        f"COMP_WORDS=({line}); COMP_CWORD={len(words)}\n"
        "_lockstep_completion lockstep\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", code],
        env=lockstep_on_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.split() == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_of_shells_are_printed(shell, lockstep_on_path):
    done = subprocess.run(
        ["lockstep"],
        env={**lockstep_on_path, "_LOCKSTEP_COMPLETE": f"source_{shell}"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "_LOCKSTEP_COMPLETE=complete_" + shell in done.stdout


@pytest.mark.rtl
def test_targets_in_help_are_those_of_synthesis():
    from lockstep.rtl.synth.machine import TARGETS

    assert synth.TARGETS == TARGETS
