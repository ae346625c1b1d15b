"""How help is laid out: commands in sections, examples at the end with their lines kept."""

from typing import Any

from typer.core import TyperGroup


class Sections(TyperGroup):
    """Lists commands under their ``rich_help_panel``, as typer itself does only with rich."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one section per panel, in the order in which commands were registered."""
        width = max(map(len, self.commands))
        rows: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            line = command.get_short_help_str(limit=formatter.width)
            rows.setdefault(command.rich_help_panel, []).append((name.ljust(width), line))  # type: ignore[attr-defined]
        for panel, lines in rows.items():
            with formatter.section(panel):
                formatter.write_dl(lines)


def examples(*lines: str) -> str:
    """A help text's last part; the backspace keeps its lines as they are."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
