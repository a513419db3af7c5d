"""The report as data: sections of sentences, tables and pictures; ``markdown`` and ``html`` write it down."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table of ready texts.

    Attributes:
        columns: Headings.
        rows: Cells, as many per row as there are headings.
        title: Caption.
        note: What a reader must know beside it.
        text_columns: Number of leading columns that hold words and not figures.
        folded: Whether the page shows only the caption until a reader opens it.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str
    note: str = ""
    text_columns: int = 1
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture: its PNG file for ``figures/``, and an SVG text for the page where it is a drawing."""

    name: str
    png: bytes
    caption: str
    svg: str | None = None


@dataclass(frozen=True)
class Section:
    """A part of the report: heading, sentences, then tables and pictures."""

    title: str
    sentences: tuple[str, ...] = ()
    items: tuple[Table | Picture, ...] = ()


@dataclass(frozen=True)
class Document:
    """The whole report.

    Attributes:
        title: Heading.
        answer: The sentences that stand first: what was found.
        warnings: What must be known before any figure is read.
        sections: The parts in their order.
    """

    title: str
    answer: tuple[str, ...]
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]
