"""What stands in the report, and in which order."""

from spider2d import __version__
from spider2d.errors import NoPicturesError
from spider2d.labels import STRUCTURES
from spider2d.reports.case_pictures import draw_case, draw_disagreement
from spider2d.reports.case_volumes import read_case
from spider2d.reports.charts import literal_text
from spider2d.reports.comparison import Comparison
from spider2d.reports.cost_tables import cost_table, counted_otherwise, timed_otherwise, training_table
from spider2d.reports.difference_tables import difference_tables
from spider2d.reports.disagreement import (
    RANKING,
    case_table,
    chosen_cases,
    instance_table,
    most_different_case,
)
from spider2d.reports.document import Document, Picture, Section, Table
from spider2d.reports.figures import accuracy_chart, cost_chart, difference_chart, series_chart
from spider2d.reports.non_inferiority import non_inferiority_sentences, non_inferiority_table
from spider2d.reports.published_table import published_table
from spider2d.reports.scored_run import ScoredRun
from spider2d.reports.tables import accuracy_table, figure_of, found_words, sequence_tables
from spider2d.reports.warnings import make_warnings
from spider2d.reports.wording import amount, number, with_interval


@literal_text
def make_document(comparison: Comparison) -> Document:
    """Return the report of a comparison; one run alone is shown beside the published figures."""
    paired = bool(comparison.pairs)
    cases = [_cases(comparison), *([_disagreement(comparison)] if paired else [])]
    parts = [_accuracy(comparison), *([_differences(comparison)] if paired else [_published(comparison)])]
    parts += [_cost(comparison), _sequences(comparison), *([_published(comparison)] if paired else [])]
    parts += [*cases, _provenance(comparison)]
    names = [run.name for run in comparison.runs]
    title = f"{names[0]} against {', '.join(names[1:]) if paired else 'published figures'}"
    return Document(title, tuple(_answer(comparison)), tuple(make_warnings(comparison)), tuple(parts))


def _answer(comparison: Comparison) -> list[str]:
    sentences = []
    for run in comparison.runs:
        dice = [f"{s} {with_interval(*figure_of(run, f'{s}_dice'), 3)}" for s in STRUCTURES]
        cost = run.cost
        other_volume = " (on another volume)" if run in counted_otherwise(comparison) else ""
        other_way = " (measured another way)" if run in timed_otherwise(comparison) else ""
        costs = [
            f"{amount(value)} {unit}"
            for value, unit in (
                (cost.parameters and cost.parameters / 1e6, "M parameters"),
                (cost.gmac_per_volume, f"GMAC per volume{other_volume}"),
                (cost.seconds_per_volume, f"s per volume on a CPU{other_way}"),
            )
            if value
        ]
        price = f", at {', '.join(costs)}" if costs else ", cost not measured"
        sentences.append(f"{run.name}: Dice {', '.join(dice)}; {found_words(run)}{price}.")
    return non_inferiority_sentences(comparison) + sentences


def _accuracy(comparison: Comparison) -> Section:
    return Section(
        "How accurate",
        (),
        (accuracy_chart(comparison), accuracy_table(comparison), series_chart(comparison)),
    )


def _differences(comparison: Comparison) -> Section:
    items = (difference_chart(comparison), non_inferiority_table(comparison), *difference_tables(comparison))
    return Section(f"{comparison.runs[0].name} against the others, patient by patient", (), items)


def _published(comparison: Comparison) -> Section:
    sentence = "Whether a published row may be set beside these runs, and why not, stands in its own row."
    return Section("Published figures", (sentence,), (published_table(comparison),))


def _sequences(comparison: Comparison) -> Section:
    return Section("T1, T2 and T2 SPACE apart", (), sequence_tables(comparison))


def _cost(comparison: Comparison) -> Section:
    chart = cost_chart(comparison)
    tables = (cost_table(comparison), training_table(comparison))
    return Section("At what cost", (), (*([chart] if chart else []), *tables))


def _cases(comparison: Comparison) -> Section:
    title = "Best, median and worst case"
    ranked = "Ranked by the mean Dice over all structures of a series, averaged over the methods."
    try:
        return Section(title, (ranked,), tuple(_case_pictures(comparison)))
    except NoPicturesError as error:
        return Section(title, (ranked, str(error)))


def _case_pictures(comparison: Comparison) -> list[Picture]:
    pictures = []
    for chosen in chosen_cases(comparison):
        title = f"{chosen.title}: {chosen.name}"
        captions = dice_captions(comparison, chosen.name)
        png = draw_case(read_case(comparison, chosen.name), captions, title)
        words = ", ".join(f"{name} {text}" for name, text in captions.items())
        pictures.append(Picture(f"case_{chosen.title}", png, f"{title}. {words}."))
    return pictures


def dice_captions(comparison: Comparison, case: str) -> dict[str, str]:
    """Return the Dice of a case by method, in words."""
    return {run.name: f"Dice {number(run.cases[case].values[RANKING], 3)}" for run in comparison.runs}


def _disagreement(comparison: Comparison) -> Section:
    tables = [table for table in (case_table(comparison), instance_table(comparison)) if table.rows]
    sentences = [] if tables else ["Every structure has the same Dice with all methods."]
    try:
        pictures = _disagreement_pictures(comparison)
    except NoPicturesError as error:
        pictures, sentences = [], [*sentences, str(error)]
    return Section("Where the methods disagree", tuple(sentences), (*pictures, *tables))


def _disagreement_pictures(comparison: Comparison) -> list[Picture]:
    pictures = []
    for number_of_pair, (first, other) in enumerate(comparison.pairs, start=1):
        name = most_different_case(comparison, first, other)
        if name is not None:
            png = draw_disagreement(read_case(comparison, name), first.name, other.name, name)
            caption = f"{name}, where the Dice of {first.name} and {other.name} differs most."
            pictures.append(Picture(f"disagreement_{number_of_pair}", png, caption))
    return pictures


def _origin(run: ScoredRun) -> tuple[str, ...]:
    metrics = run.metrics
    subset = metrics["subset"] or "not stated"
    return subset, str(run.scores), str(metrics["predictions"]), metrics["references_digest"]


def _provenance(comparison: Comparison) -> Section:
    rows = tuple((run.name, *_origin(run)) for run in comparison.runs)
    columns = ("method", "subset", "scores", "predictions", "references (digest)")
    table = Table(columns, rows, "What was compared", f"spider2d {__version__}", text_columns=5)
    sentence = f"Cases: {', '.join(comparison.cases)}."
    return Section("Where the figures come from", (sentence,), (table,))
