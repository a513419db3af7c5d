"""A comparison from study to files."""

import re
from collections.abc import Collection
from pathlib import Path

from spider2d.atomic_write import write_bytes, write_text
from spider2d.errors import OutputError
from spider2d.reports.comparison import Comparison
from spider2d.reports.document import Document, Picture
from spider2d.reports.html import to_html
from spider2d.reports.markdown import FIGURES_FOLDER, to_markdown
from spider2d.reports.report import make_document
from spider2d.reports.tensorboard_events import write_events

HTML_NAME, MARKDOWN_NAME, EVENTS_FOLDER = "report.html", "report.md", "tensorboard"
_FIGURE_NAME = re.compile(
    r"(accuracy|differences|series|cost|case_(best|median|worst)|disagreement_[0-9]+)\.png"
)
"""What a comparison calls its figures."""


def write_comparison(comparison: Comparison, output: Path) -> list[Path]:
    """Write the report as HTML and Markdown, its pictures, and the TensorBoard events.

    Args:
        comparison: What to write about.
        output: Folder; files of an earlier comparison in it are replaced, its other figures removed.

    Returns:
        The files and folders written.

    Raises:
        OutputError: A folder ``tensorboard`` is there that is not of an earlier comparison.
        OSError: The folder cannot be written.
    """
    earlier = _holds_comparison(output)
    if (output / EVENTS_FOLDER).exists() and not earlier:
        raise OutputError(
            f"{output / EVENTS_FOLDER}: is there, and {output} holds no earlier comparison ({HTML_NAME} and "
            f"{MARKDOWN_NAME}) whose events may be replaced; give another --output folder"
        )
    document = make_document(comparison)
    pictures = {f"{picture.name}.png": picture.png for picture in pictures_of(document)}
    for name, png in pictures.items():
        write_bytes(output / FIGURES_FOLDER / name, png)
    if earlier:
        _remove_figures(output / FIGURES_FOLDER, pictures)
    write_text(output / HTML_NAME, to_html(document))
    write_text(output / MARKDOWN_NAME, to_markdown(document))
    write_events(comparison, output / EVENTS_FOLDER)
    return [output / name for name in (HTML_NAME, MARKDOWN_NAME, FIGURES_FOLDER, EVENTS_FOLDER)]


def _holds_comparison(output: Path) -> bool:
    """Return whether a comparison was written here; its two reports are written before its events."""
    return all((output / name).is_file() for name in (HTML_NAME, MARKDOWN_NAME))


def _remove_figures(folder: Path, kept: Collection[str]) -> None:
    """Remove the figures that an earlier comparison had and this one has not."""
    for path in folder.glob("*.png"):
        if _FIGURE_NAME.fullmatch(path.name) and path.name not in kept:
            path.unlink()


def pictures_of(document: Document) -> list[Picture]:
    """Return all pictures of a report."""
    return [item for part in document.sections for item in part.items if isinstance(item, Picture)]
