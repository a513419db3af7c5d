"""The report as Markdown; pictures are links to the files in ``figures/``."""

import re

from spider2d.reports.document import Document, Picture, Section, Table

FIGURES_FOLDER = "figures"
_MARKUP = re.compile(r"[\\|*_`]|<(?=[A-Za-z/!])|\](?=\()")


def to_markdown(document: Document) -> str:
    """Return the whole report as Markdown text."""
    lines = [f"# {_cell(document.title)}", ""]
    lines += [line for text in document.warnings for line in (f"> **{_cell(text)}**", "")]
    lines += [*(f"- {_cell(text)}" for text in document.answer), ""]
    for section in document.sections:
        lines += _section_lines(section)
    return "\n".join(lines).rstrip() + "\n"


def table_to_markdown(table: Table) -> str:
    """Return one table as Markdown text, without its caption."""
    figures = len(table.columns) - table.text_columns
    lines = [_row(table.columns), "|" + "---|" * table.text_columns + "---:|" * figures]
    return "\n".join([*lines, *(_row(row) for row in table.rows)])


def _section_lines(section: Section) -> list[str]:
    lines = [f"## {_cell(section.title)}", ""]
    lines += [line for text in section.sentences for line in (_cell(text), "")]
    for item in section.items:
        lines += _picture_lines(item) if isinstance(item, Picture) else _table_lines(item)
    return lines


def _picture_lines(picture: Picture) -> list[str]:
    return [
        f"![{_cell(picture.caption)}]({FIGURES_FOLDER}/{picture.name}.png)",
        "",
        _cell(picture.caption),
        "",
    ]


def _table_lines(table: Table) -> list[str]:
    note = [_cell(table.note), ""] if table.note else []
    return [f"**{_cell(table.title)}**", "", table_to_markdown(table), "", *note]


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    r"""Return text in which nothing is taken for markup: a method may be called ``a|b`` or ``<2D>_x``."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))
