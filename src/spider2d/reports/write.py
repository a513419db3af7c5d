"""A comparison from study to files."""

from pathlib import Path

from spider2d.atomic_write import write_bytes, write_text
from spider2d.reports.comparison import Comparison
from spider2d.reports.document import Document, Picture
from spider2d.reports.html import to_html
from spider2d.reports.markdown import FIGURES_FOLDER, to_markdown
from spider2d.reports.report import make_document
from spider2d.reports.tensorboard_events import write_events

HTML_NAME, MARKDOWN_NAME, EVENTS_FOLDER = "report.html", "report.md", "tensorboard"


def write_comparison(comparison: Comparison, output: Path) -> list[Path]:
    """Write the report as HTML and Markdown, its pictures, and the TensorBoard events.

    Args:
        comparison: What to write about.
        output: Folder; files of an earlier comparison in it are replaced.

    Returns:
        The files and folders written.

    Raises:
        VolumeError: An image needed for the pictures cannot be read.
        OSError: The folder cannot be written.
    """
    document = make_document(comparison)
    for picture in pictures_of(document):
        write_bytes(output / FIGURES_FOLDER / f"{picture.name}.png", picture.png)
    write_text(output / HTML_NAME, to_html(document))
    write_text(output / MARKDOWN_NAME, to_markdown(document))
    write_events(comparison, output / EVENTS_FOLDER)
    return [output / name for name in (HTML_NAME, MARKDOWN_NAME, FIGURES_FOLDER, EVENTS_FOLDER)]


def pictures_of(document: Document) -> list[Picture]:
    """Return all pictures of a report."""
    return [item for part in document.sections for item in part.items if isinstance(item, Picture)]
