"""The report as one HTML file that needs nothing else: drawings inside as SVG, pictures as data."""

import base64
from importlib import resources

import jinja2

from spider2d.reports.document import Document

TEMPLATE = "report.html.j2"


def to_html(document: Document) -> str:
    """Return the whole report as an HTML page without any outside resource."""
    source = resources.files("spider2d.reports").joinpath(TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["base64"] = lambda content: base64.b64encode(content).decode("ascii")
    return environment.from_string(source).render(document=document)
