"""What all charts share."""

from dataclasses import replace

from scored_runs import compare

from spider2d.cost_file import Cost
from spider2d.reports.report import make_document
from spider2d.reports.write import pictures_of


def test_dollars_in_names_are_no_formulas(written_runs):
    """Matplotlib takes what stands between two dollars for a formula; "$\\x$" would even end the drawing."""
    comparison = compare(written_runs, "exact", "shifted")
    names, cost = ("cost $5 or $6", r"a$\x$"), Cost(parameters=3, seconds_per_volume=1.0)
    pairs = zip(comparison.runs, names, strict=True)
    runs = tuple(replace(run, name=name, cost=cost) for run, name in pairs)
    document = make_document(replace(comparison, runs=runs))
    charts = {picture.name: picture.svg for picture in pictures_of(document) if picture.svg}
    assert set(charts) == {"accuracy", "differences", "series", "cost"}
    for name, svg in charts.items():
        assert all(text in svg for text in names[name == "differences" :]), name
