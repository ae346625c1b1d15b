"""Commands and options that the README and docs/ name exist, in shell blocks and in the prose."""

import importlib.util
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer

from lockstep.cli.main import app

_SPEC = importlib.util.spec_from_file_location("pages", Path(__file__).with_name("pages.py"))
pages = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(pages)

FOREIGN = {
    "--fresh": "python -m benchmarks",
    "--nthreads": "dask worker",
}
"""Options that pages name alone and that are not ours."""

PROGRAMS = ("lockstep", "make", "python -m")
"""What begins a command in the prose."""


@cache
def options():
    """Options by command of ``lockstep``; of the program itself under its name."""
    group = typer.main.get_command(app)
    context = typer.Context(group)
    found = {"lockstep": _options_of(group)}
    for name in group.list_commands(context):
        found[name] = _options_of(group.get_command(context, name))
    return found


def _options_of(command):
    return {"--help", *(o for p in command.params for o in [*p.opts, *p.secondary_opts])}


def problems(command):
    """What does not exist of what a command names."""
    words = shlex.split(re.sub(r"[\[\]]", " ", command))
    match words:
        case ["lockstep", *rest]:
            name = rest[0] if rest and not rest[0].startswith("-") else "lockstep"
            if name not in options():
                return [f"lockstep has no command {name!r}"]
            named = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
            return [f"{name} has no option {option}" for option in sorted(named - options()[name])]
        case ["make", *rest]:
            targets = set(re.findall(r"^([a-z]+):", (pages.ROOT / "Makefile").read_text(), re.M))
            return [f"no target {t!r}" for t in rest if "=" not in t and t not in targets]
        case ["python", "-m", module, *_]:
            path = pages.ROOT / module.replace(".", "/")
            ours = path.is_dir() or path.with_suffix(".py").exists()
            return [] if ours or importlib.util.find_spec(module) else [f"no module {module}"]
    return []


def inline(text):
    """Commands in the prose of a page, and options that stand alone."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    spans = (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose))
    command = re.compile(rf"(?:\.venv/bin/)?((?:{'|'.join(PROGRAMS)}) -*[a-z].*|--[a-z].*)")
    return [match[1] for span in spans if (match := command.fullmatch(span))]


def problems_of_page(text):
    """Of its shell blocks and of its prose."""
    blocks = [c for block in pages.steps(text) for c in pages.commands(block.script)]
    spoken = inline(text)
    alone = [re.split(r"[ =]", span)[0] for span in spoken if span.startswith("--")]
    known = {option for named in options().values() for option in named} | set(FOREIGN)
    return [
        *(p for c in [*blocks, *spoken] for p in problems(c)),
        *(f"no command has the option {option}" for option in alone if option not in known),
    ]


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: str(page.relative_to(pages.ROOT)))
def test_commands_and_options_exist(page):
    assert problems_of_page(page.read_text()) == []


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: str(page.relative_to(pages.ROOT)))
def test_commands_are_in_shell_blocks(page):
    """Indented blocks, and fences of another language, are not run."""
    text = page.read_text()
    for fence in pages.FENCE.finditer(text):
        if fence[1] not in {"sh", "text"}:
            assert not re.search(r"^(\.venv/bin/)?(lockstep|make|pip) [a-z]", fence[3], re.M)
    assert not re.search(r"^ {4}(\.venv/bin/)?(lockstep|make|pip|python) ", text, re.M)


def test_foreign_options_are_named():
    spoken = [span for page in pages.PAGES for span in inline(page.read_text())]
    for option in FOREIGN:
        assert any(span.startswith(option) for span in spoken), option


SAMPLE = """
Run `lockstep run edge-os16 --model gpt2`, or with `--dram exact`; `make run` does,
`lockstep --version` and
`python -m
lockstep.cli.main [--version]` too.

```sh
# a machine
.venv/bin/lockstep machines --json   # all
lockstep gemm edge-os16 8 8 8 \\
  --set tensor.rows=4
```

```text
tool
...s
```
"""


def test_a_sample_is_read_as_it_stands():
    (block,) = pages.steps(SAMPLE)
    assert block.line == 8
    assert block.output == "tool\n...s\n"
    assert pages.commands(block.script) == [
        "lockstep machines --json",
        "lockstep gemm edge-os16 8 8 8 --set tensor.rows=4",
    ]
    assert inline(SAMPLE) == [
        "lockstep run edge-os16 --model gpt2",
        "--dram exact",
        "make run",
        "lockstep --version",
        "python -m lockstep.cli.main [--version]",
    ]
    assert problems_of_page(SAMPLE) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("lockstep run", "lockstep ruin"),
        ("--model gpt2", "--modell gpt2"),
        ("--dram exact", "--drum exact"),
        ("make run", "make ruin"),
        ("lockstep --version", "lockstep --aversion"),
        ("cli.main", "cli.mine"),
        ("machines --json", "machine --json"),
        ("machines --json", "machines --jason"),
        ("--set tensor", "--sets tensor"),
    ],
)
def test_what_does_not_exist_is_found(right, wrong):
    assert right in SAMPLE
    assert len(problems_of_page(SAMPLE.replace(right, wrong))) == 1
