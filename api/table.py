"""Tables: rows of one kind that filter, sort, print, and become a DataFrame or a CSV file."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from lockstep.api.display import html_table, text_table
from lockstep.api.values import write_text
from lockstep.arch.error import InputError, suggest
from lockstep.arch.extra import needs_extra

if TYPE_CHECKING:
    from pandas import DataFrame  # type: ignore[import-untyped]

RowT = TypeVar("RowT", covariant=True)

MOST_ROWS = 20
"""Rows that are shown; all others are counted."""


class Table(Sequence[RowT], Generic[RowT]):
    """An immutable sequence of rows of one kind.

    Rows have attributes; :attr:`columns` are the cells that a DataFrame or a CSV file gets, whose
    names carry their units. A slice, :meth:`filter` and :meth:`sort` are tables again.

    Parameters
    ----------
    rows : iterable
        All of one kind.
    cells : callable
        Column to value of a row.
    title : str
        What is shown above the table.
    shown : sequence of str
        Columns that are printed; none: all.
    """

    __slots__ = ("_cells", "_rows", "_shown", "_title")

    def __init__(
        self,
        rows: Iterable[RowT],
        cells: Callable[[Any], Mapping[str, Any]],
        *,
        title: str,
        shown: Sequence[str] = (),
    ) -> None:
        self._rows = tuple(rows)
        self._cells = cells
        self._shown = tuple(shown)
        self._title = title

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[RowT]:
        return iter(self._rows)

    @overload
    def __getitem__(self, index: int) -> RowT: ...

    @overload
    def __getitem__(self, index: slice) -> "Table[RowT]": ...

    def __getitem__(self, index: int | slice) -> "RowT | Table[RowT]":
        if isinstance(index, slice):
            return self._with(self._rows[index])
        return self._rows[index]

    @property
    def title(self) -> str:
        """What is shown above the table."""
        return self._title

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the cells, in the order of :meth:`to_csv`; those that any row has."""
        return tuple(dict.fromkeys(name for row in self._rows for name in self._cells(row)))

    def column(self, name: str) -> list[Any]:
        """The cells of a column, None where a row has none.

        Raises
        ------
        InputError
            If no row has that column.
        """
        self._check(name)
        return [self._cells(row).get(name) for row in self._rows]

    def filter(self, test: "Callable[[RowT], bool] | None" = None, /, **equal: object) -> "Table[RowT]":  # fmt: skip
        """The rows that pass a test, and whose columns equal what is given.

        Parameters
        ----------
        test : callable or None
            Takes a row, as in ``filter(lambda op: op.latency_s > 1e-3)``.
        **equal
            Columns and values, as in ``filter(phase="decode", bound_by="dram")``.

        Raises
        ------
        InputError
            If no row has a column of that name.
        """
        for name in equal:
            self._check(name)
        return self._with(
            row
            for row in self._rows
            if (test is None or test(row))
            and all(self._cells(row).get(name) == value for name, value in equal.items())
        )

    def sort(self, by: str, *, descending: bool = False) -> "Table[RowT]":
        """The rows in order of a column; rows without a value come last, equals keep their order.

        Raises
        ------
        InputError
            If no row has that column, or its values have no order.
        """
        pairs = list(zip(self.column(by), self._rows, strict=True))
        have = [pair for pair in pairs if pair[0] is not None]
        try:
            have.sort(key=lambda pair: pair[0], reverse=descending)
        except TypeError:
            raise InputError(f"sort: values of {by} have no order; choose another column") from None
        return self._with(row for _, row in have + [pair for pair in pairs if pair[0] is None])

    def to_dicts(self) -> list[dict[str, Any]]:
        """A dict per row, column to cell."""
        return [dict(self._cells(row)) for row in self._rows]

    def to_pandas(self) -> "DataFrame":
        """A DataFrame with a row per row and all :attr:`columns`.

        Raises
        ------
        InputError
            If pandas is not installed; the extra ``notebook`` brings it.
        """
        with needs_extra("notebook", "to_pandas"):
            import pandas
        return pandas.DataFrame(self.to_dicts(), columns=list(self.columns))

    @overload
    def to_csv(self) -> str: ...

    @overload
    def to_csv(self, path: str | PathLike[str]) -> None: ...

    def to_csv(self, path: str | PathLike[str] | None = None) -> str | None:
        """CSV with a header; numbers keep every digit.

        Parameters
        ----------
        path : str, path or None
            The file to write; None: return the text instead.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.to_dicts())
        if path is None:
            return text.getvalue()
        write_text(path, text.getvalue())
        return None

    def __repr__(self) -> str:
        return "\n".join([self.title, *text_table(self._visible()), *self._more()])

    def _repr_html_(self) -> str:
        return html_table(self._visible(), title=self.title, note=" ".join(self._more()))

    def _visible(self) -> list[dict[str, Any]]:
        columns = [name for name in self._shown if name in self.columns] or self.columns
        return [
            {name: cells.get(name) for name in columns}
            for cells in map(self._cells, self._rows[:MOST_ROWS])
        ]

    def _more(self) -> list[str]:
        left = len(self) - MOST_ROWS
        return [f"... {left:,} more row{'s' * (left > 1)}"] if left > 0 else []

    def _with(self, rows: Iterable[RowT]) -> "Table[RowT]":
        return Table(rows, self._cells, title=self.title, shown=self._shown)

    def _check(self, name: str) -> None:
        if self._rows and name not in self.columns:
            raise InputError(f"unknown column {name!r}; {suggest(name, self.columns)}")
