"""What reproducing a paper gives: parts with tables, plots and notes; and how they become files."""

import dataclasses
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lockstep.arch.error import InputError, show, suggest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = str | int | float | bool | None
Row = Mapping[str, Cell]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows that share their keys.

    Parameters
    ----------
    name : str
        Key of the rows in the JSON file.
    title : str
    rows : sequence of mappings of column to cell
        Columns carry their units.
    note : str
        A paragraph below the table, in Markdown.
    on_page : bool
        Long tables are in the JSON file only.
    """

    name: str
    title: str
    rows: Sequence[Row]
    note: str = ""
    on_page: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One experiment of a paper.

    Parameters
    ----------
    name, title : str
        ``name`` is that of its files.
    tables : sequence of Table
    figures : mapping of file stem to matplotlib figure
    """

    name: str
    title: str
    tables: Sequence[Table]
    figures: "Mapping[str, Figure]" = dataclasses.field(default_factory=dict)

    def data(self) -> dict[str, list[dict[str, Cell]]]:
        """The numbers, ready for JSON."""
        return {table.name: [dict(row) for row in table.rows] for table in self.tables}


Progress = Callable[[str], None]
"""Is told, in a few words, what is being worked on."""

Experiment = Callable[[Progress], Part]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A paper and its experiments by name, in order."""

    name: str
    title: str
    experiments: Mapping[str, Experiment]

    def parts(self, only: str | None, progress: Progress) -> Iterable[Part]:
        """Run all experiments, or one.

        Raises
        ------
        lockstep.arch.error.InputError
            If there is no experiment of that name.
        """
        if only is not None and only not in self.experiments:
            raise InputError(
                f"--only: {self.name} has no part {show(only)}; {suggest(only, self.experiments)}"
            )
        for name in self.experiments if only is None else [only]:
            progress(name)
            yield self.experiments[name](progress)


def write_parts(paper: Paper, parts: Iterable[Part], out: Path) -> list[Path]:
    """Write ``PART.md``, ``PART.json`` and the plots of each part, and a README.md that lists them.

    Raises
    ------
    lockstep.arch.error.InputError
        If the folder cannot be written.
    """
    files: dict[str, bytes] = {"README.md": _index(paper).encode()}
    for part in parts:
        files[f"{part.name}.md"] = _page(part).encode()
        text = json.dumps(part.data(), indent=1, allow_nan=False) + "\n"
        files[f"{part.name}.json"] = text.encode()
        for stem, figure in part.figures.items():
            picture = io.BytesIO()
            # Matplotlib's version would make equal pictures differ.
            figure.savefig(picture, format="png", metadata={"Software": None})
            files[f"{stem}.png"] = picture.getvalue()
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (out / name).write_bytes(content)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"--out: {out}: cannot be written: {reason}; choose a folder") from None
    return [out / name for name in files]


def _index(paper: Paper) -> str:
    parts = "\n".join(f"- [{name}]({name}.md)" for name in paper.experiments)
    return f"# {paper.title}\n\nMade by `lockstep reproduce {paper.name}`.\n\n{parts}\n"


def _page(part: Part) -> str:
    blocks = [f"# {part.title}"]
    for table in part.tables:
        if not table.on_page:
            continue
        blocks += [f"## {table.title}", markdown_table(table.rows)]
        if table.note:
            blocks.append(table.note)
    blocks += [f"![{stem}]({stem}.png)" for stem in part.figures]
    return "\n\n".join(blocks) + "\n"


def markdown_table(rows: Sequence[Row]) -> str:
    """Rows as a table; numbers to the right, with four significant digits."""
    columns = list(rows[0])
    numeric = [any(type(row[c]) in (int, float) for row in rows) for c in columns]
    lines = [
        [column.replace("_", " ") for column in columns],
        ["---:" if number else "---" for number in numeric],
        *([cell_text(row[column]) for column in columns] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell_text(value: Cell) -> str:
    """A cell for reading."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return str(value)
