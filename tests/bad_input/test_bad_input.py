"""Files that are wrong in one way each: the command says so in one line and exits with 2.

Each folder has a ``good`` file, and the bad ones differ from it by their one mistake. A row is the
file's name, the line and the key that the message must name, and what else it must say.
"""

from pathlib import Path

import pytest

from lockstep.cli.main import main

HERE = Path(__file__).resolve().parent
GOOD = str(HERE / "machines" / "good.yaml")
COMMANDS = {
    "machines": ["gemm", "{}", "16", "16", "16"],
    "tech": ["gemm", GOOD, "16", "16", "16", "--set", "tech={}"],
    "dram": ["gemm", GOOD, "16", "16", "16", "--set", "dram.preset={}"],
    "models": ["model", "{}"],
    "huggingface": ["model", "{}"],
}
"""How the command is given a file of each folder."""

CASES = {
    "machines": [
        # keys
        ("duplicate-key.yaml", 10, "tensor.rows", "written twice", "duplicate-key.yaml:8; delete"),
        ("duplicate-section.yaml", 14, "dram", "written twice", "duplicate-section.yaml:13"),
        ("unknown-key.yaml", 14, "wheels", "unknown key, value 4", "choose from kind, name"),
        ("misspelt-key.yaml", 8, "tensor.rosw", "unknown key, value 16", "did you mean 'rows'?"),
        ("misspelt-section.yaml", 12, "scratchpda", "did you mean 'scratchpad'?"),
        ("missing-key.yaml", 1, "clock_mhz", "missing", "add 'clock_mhz: ...', a number"),
        (
            "missing-nested-key.yaml",
            5,
            "tensor.kind",
            "missing",
            "add 'kind: ...', one of systolic",
        ),
        ("missing-section.yaml", 1, "dram", "missing", "a mapping with preset, channels"),
        ("missing-kind.yaml", 1, "kind", "missing", "add 'kind: machine'"),
        ("number-as-key.yaml", 14, "", "a key must be a string, value 7", "put it in quotes"),
        ("list-as-key.yaml", 14, "", "a key must be a string"),
        # types and sizes
        ("rows-quoted.yaml", 8, "tensor.rows", "not an integer, value '16'", "plain digits"),
        ("rows-fraction.yaml", 8, "tensor.rows", "not an integer, value 16.5"),
        ("rows-true.yaml", 8, "tensor.rows", "not an integer, value true"),
        ("rows-hex.yaml", 8, "tensor.rows", "not an integer, value '0x10'"),
        ("rows-zero.yaml", 8, "tensor.rows", "too small, value 0", "must be >= 1"),
        ("rows-negative.yaml", 8, "tensor.rows", "too small, value -16", "must be >= 1"),
        ("rows-too-many.yaml", 8, "tensor.rows", "too large, value 4096", "must be <= 1024"),
        ("lanes-octal.yaml", 11, "vector.lanes", "not an integer, value '010'"),
        ("channels-sexagesimal.yaml", 13, "dram.channels", "not an integer, value '12:30'"),
        ("size-with-unit.yaml", 12, "scratchpad.size_bytes", "not an integer, value '512 KiB'"),
        ("size-overflows.yaml", 12, "scratchpad.size_bytes", "integer too large", "64 bits"),
        ("size-negative.yaml", 12, "scratchpad.size_bytes", "value -524288", "must be >= 1024"),
        ("clock-nan.yaml", 3, "clock_mhz", "not a finite number, value .nan"),
        ("clock-infinite.yaml", 3, "clock_mhz", "not a finite number, value .inf"),
        ("clock-overflows.yaml", 3, "clock_mhz", "not a finite number, value 1e999"),
        ("clock-zero.yaml", 3, "clock_mhz", "too small, value 0", "must be >= 0.001"),
        ("clock-null.yaml", 3, "clock_mhz", "not a number, value null"),
        ("clock-list.yaml", 3, "clock_mhz", "not a number, value [940]"),
        ("name-number.yaml", 2, "name", "not a string, value 16", "put it in quotes"),
        ("name-empty.yaml", 2, "name", "too short, value ''"),
        ("switch-on.yaml", 8, "tensor.weight_double_buffer", "value 'on'", "write true or false"),
        ("word-bits-uneven.yaml", 12, "scratchpad.word_bits", "value 100", "a multiple of 8"),
        ("section-is-list.yaml", 11, "vector", "not a mapping", "write keys and values"),
        ("section-is-empty.yaml", 11, "vector", "not a mapping, value null"),
        # names
        ("unknown-dataflow.yaml", 7, "tensor.dataflow", "'output_stationery'", "must be one of"),
        ("unknown-engine.yaml", 6, "tensor.kind", "value 'sphere'", "must be one of", "systolic"),
        ("unknown-format.yaml", 10, "tensor.mac.a", "'int8x'", "int8"),
        ("unknown-dram.yaml", 13, "dram.preset", "'ddr4-3201'", "did you mean 'ddr4-3200'?"),
        ("unknown-tech.yaml", 4, "tech", "'generic-54nm'", "did you mean 'generic-45nm'?"),
        ("missing-tech-file.yaml", 4, "tech", "no-such-tech.yaml: no such file"),
        ("mac-not-in-tech.yaml", 10, "tensor.mac", "posit32_2", "it has int8"),
        ("wrong-kind.yaml", 1, "kind", "value 'model'", "a machine file is wanted here"),
        # rules between keys
        ("double-buffer-without-weights.yaml", 10, "tensor.weight_double_buffer", "value true"),
        ("accumulator-too-narrow.yaml", 10, "tensor.mac.acc_bits", "16 bits or more, not 12"),
        ("tile-does-not-fit.yaml", 12, "scratchpad.size_bytes", "at least 1", "not 65536"),
        # YAML outside the subset
        ("alias.yaml", 5, "tensor", "anchors and aliases are not allowed, value 'engine'"),
        ("billion-laughs.yaml", 1, "a", "anchors and aliases are not allowed, value 'a'"),
        ("merge-key.yaml", 14, "", "merge keys are not allowed, value '<<'", "write the keys out"),
        ("tag-runs-code.yaml", 2, "name", "tags are not allowed", "os.system"),
        ("two-documents.yaml", 14, "", "a second document starts here", "keep only one"),
        # not YAML, or not a mapping
        ("empty.yaml", 1, "", "empty"),
        ("only-comments.yaml", 1, "", "empty"),
        ("list.yaml", 1, "", "not a mapping", "write keys and values"),
        ("prose.yaml", 1, "", "not a mapping, value 'This file is not a machine.'"),
        ("tab.yaml", 8, "", "not valid YAML", "indent with spaces, not tabs"),
        ("unclosed-bracket.yaml", 11, "", "not valid YAML", "of line 10", "check brackets"),
        ("unclosed-quote.yaml", 14, "", "not valid YAML", "of line 2", "quotes"),
        ("bad-indentation.yaml", 8, "", "not valid YAML", "indentation"),
        ("missing-space.yaml", 9, "", "not valid YAML", "of line 8"),
    ],
    "tech": [
        ("duplicate-format.yaml", 6, "mac.int8", "written twice", "duplicate-format.yaml:5"),
        ("no-source.yaml", 5, "mac.int8.source", "missing", "add 'source: ...', a string"),
        ("empty-source.yaml", 5, "mac.int8.source", "too short, value ''", "at least 8"),
        ("negative-energy.yaml", 5, "mac.int8.energy_pj", "value -0.3", "must be >= 0"),
        ("unknown-primitive.yaml", 7, "vector.ad", "value 'ad'", "must be one of add, max"),
        ("no-sram.yaml", 1, "sram", "missing", "a mapping with read_pj"),
        ("node-infinite.yaml", 3, "node_nm", "not a finite number, value .inf"),
        ("wrong-kind.yaml", 1, "kind", "value 'dram'", "a tech file is wanted here"),
    ],
    "dram": [
        ("efficiency-above-one.yaml", 5, "row_hit_efficiency", "value 90", "must be <= 1"),
        ("peak-zero.yaml", 3, "peak_bytes_per_s", "too small, value 0", "must be >= 1"),
        ("peak-with-unit.yaml", 3, "peak_bytes_per_s", "not a number, value '25.6 GB/s'"),
        ("no-latency.yaml", 1, "latency_ns", "missing", "add 'latency_ns: ...', a number"),
        ("misspelt-key.yaml", 9, "energy_pj_per_bits", "did you mean 'energy_pj_per_bit'?"),
        ("short-source.yaml", 4, "peak_source", "too short, value 'guess'"),
        ("wrong-kind.yaml", 1, "kind", "value 'machine'", "a dram file is wanted here"),
    ],
    "models": [
        ("duplicate-key.yaml", 8, "hidden", "written twice", "duplicate-key.yaml:4; delete"),
        ("misspelt-key.yaml", 6, "attention.kv_head", "value 2", "did you mean 'kv_heads'?"),
        ("unknown-norm.yaml", 7, "norm", "value 'batchnorm'", "layernorm, rmsnorm"),
        ("unknown-attention.yaml", 6, "attention.kind", "value 'sliding'", "grouped"),
        ("hidden-zero.yaml", 4, "hidden", "too small, value 0", "must be >= 1"),
        ("heads-quoted.yaml", 6, "attention.heads", "not an integer, value '4'"),
        ("heads-do-not-divide.yaml", 6, "attention.heads", "multiple of kv_heads (3), not 4"),
        ("no-layers.yaml", 9, "ffn.0.layers", "too small, value 0", "must be >= 1"),
        ("layers-infinite.yaml", 9, "ffn.0.layers", "not a finite number, value .inf"),
        ("no-head.yaml", 1, "head", "missing", "a mapping with kind"),
        ("wrong-kind.yaml", 1, "kind", "value 'machine'", "a model file is wanted here"),
        ("empty.yaml", 1, "", "empty"),
    ],
    "huggingface": [
        ("trailing-comma.json", 11, "", "not valid JSON", "check commas"),
        ("missing-brace.json", 12, "", "not valid JSON", "brackets"),
        ("comment.json", 11, "", "not valid JSON"),
        ("single-quotes.json", 11, "", "not valid JSON", "quotes"),
        ("python-booleans.json", 10, "", "not valid JSON"),
        ("empty.json", 1, "", "not valid JSON"),
        ("list.json", 1, "", "not a mapping"),
        ("duplicate-key.json", 11, "hidden_size", "written twice", "duplicate-key.json:5; delete"),
        ("missing-key.json", 1, "hidden_size", "missing; add"),
        ("missing-vocabulary.json", 1, "vocab_size", "missing; add"),
        ("unknown-architecture.json", 2, "architectures", "value 'MambaForCausalLM'", "Llama"),
        ("unknown-type.json", 2, "model_type", "value 'mamba'", "llama"),
        ("no-type.json", 1, "model_type", "missing; add", "llama"),
        ("machine.json", 1, "model_type", "missing; add", "llama"),
        ("layers-negative.json", 8, "num_hidden_layers", "value -2", "must be 1"),
        ("layers-zero.json", 8, "num_hidden_layers", "value 0", "must be 1"),
        ("hidden-quoted.json", 5, "hidden_size", "value '64'", "write one"),
        ("hidden-fraction.json", 5, "hidden_size", "value 64.5", "write one"),
        ("hidden-null.json", 5, "hidden_size", "null", "write a"),
        ("hidden-nan.json", 5, "hidden_size", "not a finite number, value NaN"),
        ("hidden-infinite.json", 5, "hidden_size", "not a finite number, value 1e999"),
        ("hidden-too-large.json", 5, "hidden_size", "integer too large", "64 bits"),
        ("heads-true.json", 7, "num_attention_heads", "value true", "write one"),
        ("heads-do-not-divide.json", 7, "num_attention_heads", "multiple of", "5"),
        ("flag-quoted.json", 10, "tie_word_embeddings", "value 'false'", "write true or false"),
        ("unknown-activation.json", 4, "hidden_act", "value 'sliu'", "silu"),
    ],
}
ROWS = [(folder, *row[:3], row[3:]) for folder, rows in CASES.items() for row in rows]
BYTES = {
    "not-utf8.yaml": (b"kind: machine\nname: \xff\n", ":2: not UTF-8, byte 0xff; save it as UTF-8"),
    "utf16.yaml": ("kind: machine\n".encode("utf-16"), ":1: not UTF-8"),
    "program.yaml": (b"\x7fELF\x02\x01\x01\x00", ":1: not text, character U+007F"),
    "picture.json": (b"\x89PNG\r\n\x1a\n", ":1: not UTF-8, byte 0x89"),
    "large.yaml": (b"a: 1\n" * 300_000, ": larger than 1000000 bytes"),
    "deep.yaml": (b"a: " + b"[" * 500_000, ":1: a.0.0.0"),
    "deep.json": (b'{"a": ' + b"[" * 250_000 + b"]" * 250_000 + b"}", ":1: not valid JSON"),
}
"""Files that no editor would keep as they are: content, and what follows their name."""


@pytest.fixture
def refused(capsys):
    """Run the command on bad input; returns its one line, without the command's name."""

    def run(*argv):
        code = main(list(argv))
        captured = capsys.readouterr()
        assert (code, captured.out) == (2, "")
        assert "Traceback" not in captured.err
        (line,) = captured.err.splitlines()
        return line.removeprefix("lockstep: ")

    return run


def command(folder, path):
    return [word.format(path) for word in COMMANDS[folder]]


@pytest.mark.parametrize(
    ("folder", "file", "line", "key", "parts"), ROWS, ids=[f"{r[0]}/{r[1]}" for r in ROWS]
)
def test_bad_file_is_refused(refused, folder, file, line, key, parts):
    path = HERE / folder / file
    message = refused(*command(folder, path))
    assert message.startswith(f"{path}:{line}: {key}: " if key else f"{path}:{line}: ")
    assert [part for part in parts if part not in message] == [], message


@pytest.mark.parametrize("folder", CASES)
def test_every_bad_file_has_its_row_and_good_files_pass(folder, capsys):
    files = {path.name for path in (HERE / folder).iterdir()}
    good = {name for name in files if name.startswith("good.")}
    assert good | {row[0] for row in CASES[folder]} == files
    for name in good:
        assert main(command(folder, HERE / folder / name)) == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", BYTES)
@pytest.mark.parametrize("folder", ["machines", "models"])
def test_files_that_are_not_text_are_refused(refused, tmp_path, folder, name):
    content, expected = BYTES[name]
    path = tmp_path / name
    path.write_bytes(content)
    assert refused(*command(folder, path)).startswith(f"{path}{expected}")


@pytest.mark.parametrize("folder", ["machines", "models"])
def test_paths_that_are_not_files_are_refused(refused, tmp_path, folder):
    path = tmp_path / "misisng.yaml"
    (tmp_path / "missing.yaml").write_text("")
    assert refused(*command(folder, path)) == (
        f"{path}: no such file; did you mean 'missing.yaml'?"
    )
    assert refused(*command(folder, tmp_path)).startswith(f"{tmp_path}: ")
    nowhere = tmp_path / "nowhere" / "x.yaml"
    assert "there is no folder" in refused(*command(folder, nowhere))
    assert "such file" in refused(*command(folder, tmp_path / f"{'x' * 5000}.yaml"))


@pytest.mark.parametrize(
    ("folder", "name", "near"),
    [("machines", "edge-os61", "edge-os16"), ("models", "llama-3-8", "llama-3-8b")],
)
def test_misspelt_shipped_names_are_refused(refused, folder, name, near):
    message = refused(*command(folder, name))
    assert f"{name!r}" in message
    assert f"did you mean {near!r}?" in message


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("tensor.rows", ["not KEY=VALUE", "dram.channels=2"]),
        ("tensor.rows=", ["empty; write a value"]),
        ("tensor.rows=0", ["tensor.rows: too small, value 0; must be >= 1"]),
        ("tensor.rosw=8", ["tensor.rosw: unknown key, value 8", "did you mean 'rows'?"]),
        ("tenser.rows=8", ["tenser: unknown key", "did you mean 'tensor'?"]),
        ("name.first=x", ["not a mapping"]),
        ("clock_mhz=.nan", ["not a finite number, value .nan"]),
        ("name=[1", ["not valid YAML"]),
        ("name=&a x", ["anchors and aliases are not allowed"]),
        ("dram.preset=ddr4-3201", ["dram.preset: ", "did you mean 'ddr4-3200'?"]),
        ("tech=generic-54nm", ["tech: ", "did you mean 'generic-45nm'?"]),
    ],
)
def test_bad_overrides_are_refused(refused, override, parts):
    message = refused(*command("machines", GOOD), "--set", override)
    assert message.startswith(f"--set {override}: ")
    assert [part for part in parts if part not in message] == [], message
