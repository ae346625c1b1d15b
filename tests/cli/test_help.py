"""Help is complete: each command and option says what it is, and its examples are true."""

import re
import shlex

import pytest
import typer

from lockstep.cli.main import SECTIONS, app, main

LEFT_OUT = {
    "verify": "minutes; tests of verify run units in part",
    "synth": "minutes; tests of synth run small engines",
    "sweep": "minutes; tests of sweep run small ones",
    "reproduce victima": "an hour",
    "dram": "needs a trace; tests of dram have some",
    "tlb my-mmu.yaml": "needs a file of the user's",
    "report": "tests of the report run it on runs of their own",
    "run cloud-ws128": "a test of the command runs it",
}
"""Beginnings of examples that are parsed here, not run, and why."""

GROUP = typer.main.get_command(app)
EXAMPLES = [line for modules in SECTIONS.values() for module in modules for line in module.EXAMPLES]


def words(example: str) -> list[str]:
    """Arguments of an example's command line, without its comment and redirection."""
    program, *argv = shlex.split(example.partition(" > ")[0], comments=True)
    assert program == "lockstep"
    return argv


def parses(example: str) -> None:
    """Raise a ``typer.TyperException`` unless command and options exist and values fit."""
    context = GROUP.make_context("lockstep", words(example))
    name, command, argv = GROUP.resolve_command(context, words(example))
    command.make_context(name, argv, parent=context)


def helped(capsys, monkeypatch, columns, *argv):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main([*argv, "--help"]) == 0
    return capsys.readouterr().out


def test_every_command_has_a_section():
    listed = [m.__name__.rpartition(".")[2] for ms in SECTIONS.values() for m in ms]
    assert listed == list(GROUP.commands)


@pytest.mark.parametrize("name", GROUP.commands)
def test_help_of_a_command_is_complete(capsys, monkeypatch, name):
    command = GROUP.commands[name]
    assert all(param.help for param in command.params), [p.name for p in command.params]
    for columns in (80, 100):
        text = helped(capsys, monkeypatch, columns, name)
        lines = text.splitlines()
        examples = [line.strip() for line in lines[lines.index("  Examples:") + 1 :]]
        assert examples == [line for line in EXAMPLES if line.split()[1] == name]
        assert max(map(len, lines)) <= 100
        assert all(flag in text for param in command.params for flag in param.opts)


@pytest.mark.parametrize("columns", [80, 100])
def test_overview_lists_every_command_with_a_whole_sentence(capsys, monkeypatch, columns):
    text = helped(capsys, monkeypatch, columns)
    for name in GROUP.commands:
        found = re.search(rf"^  {name} +(.+)$", text, re.M)
        assert found, name
        assert re.fullmatch(r"[A-Z].*\.", found[1]), name
        assert "..." not in found[1]
    shown = [line.strip() for line in text.splitlines() if line.startswith("    lockstep ")]
    assert len(shown) == 3
    assert set(shown) <= set(EXAMPLES)
    assert all(f"\n{section}:\n" in text for section in SECTIONS)


def test_no_arguments_show_the_overview(capsys, monkeypatch):
    overview = helped(capsys, monkeypatch, 100)
    assert main([]) == 0
    assert capsys.readouterr().out == overview


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_parses(example):
    parses(example)


@pytest.mark.parametrize(
    "example",
    [
        "lockstep frobnicate",
        "lockstep run edge-os16 --model gpt2 --frobnicate",
        "lockstep gemm edge-os16 1 2 three",
        "lockstep schema machine model",
    ],
)
def test_wrong_example_does_not_parse(example):
    with pytest.raises(typer.TyperException):
        parses(example)


def is_run(example: str) -> bool:
    return not any(example.startswith(f"lockstep {start}") for start in LEFT_OUT)


def test_every_reason_to_leave_out_applies():
    for start in LEFT_OUT:
        assert any(example.startswith(f"lockstep {start}") for example in EXAMPLES), start


@pytest.mark.rtl  # some of them
@pytest.mark.parametrize("example", [e for e in EXAMPLES if is_run(e)])
def test_example_runs(example, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(words(example)) == 0
    captured = capsys.readouterr()
    assert captured.out
    assert "lockstep:" not in captured.err
