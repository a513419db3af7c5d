"""The comparison from the command line to its files, on real scores of tiny volumes."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from load_script import load_script
from scored_runs import NAMES, write_runs
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_dataset import write_series

from spider2d import cli
from spider2d.cost_file import Cost, write_cost
from spider2d.reports.comparison import read_comparison
from spider2d.reports.html import to_html
from spider2d.reports.markdown import to_markdown
from spider2d.reports.non_inferiority import non_inferiority_sentences
from spider2d.reports.report import make_document
from spider2d.reports.study import parse_study
from spider2d.reports.write import pictures_of

SCRIPT = cli.PROJECT_ROOT / "src" / "compare_2d_3d.py"
script = load_script(SCRIPT)


def run(*arguments):
    return cli.run(script.main, script.parse_args([str(argument) for argument in arguments]))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Two methods on a data set marked as a phantom, compared; "a <b>" has a cost file."""
    root = write_runs(tmp_path_factory.mktemp("runs"))
    (root / "data" / "phantom.json").write_text("{}")
    cost = Cost(dimension="2D", parameters=3_000_000, gmac_per_volume=12.5, training_seconds=90.0)
    write_cost(root / "exact" / "scores" / "cost.json", cost)
    assert run(*both(root), "--output", root / "comparison") == 0
    return root


def both(root):
    return f"a <b>={root / 'exact' / 'scores'}", f"3D|x={root / 'shifted' / 'scores'}"


@pytest.fixture(scope="module")
def page(written):
    return (written / "comparison" / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def markdown(written):
    return (written / "comparison" / "report.md").read_text(encoding="utf-8")


def test_page_needs_nothing_from_outside(page):
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "<link" not in page and "<script" not in page and "url(http" not in page
    assert page.count("<svg") >= 3 and page.count("data:image/png;base64,") == 3 + 1


def test_names_are_no_markup(page, markdown):
    assert "a &lt;b&gt;" in page and "a <b>" not in page
    assert "3D\\|x" in markdown and "a \\<b>" in markdown


def test_synthetic_data_is_said_first_and_in_every_published_row(page, markdown):
    assert page.index("Synthetic data") < page.index("Dice vertebra")
    rows = [line for line in markdown.splitlines() if line.startswith(("| IIS", "| nnU-Net 3d", "| SPINEPS"))]
    assert len(rows) == 3 and all("not comparable (synthetic data)" in row for row in rows)


def test_tables_hold_the_scores(markdown):
    assert "| vertebra | a \\<b> | 2D | 1.000 [1.000, 1.000] | 0.00 [0.00, 0.00] |" in markdown
    assert "| 12/12 | 0 | 1.000 |" in markdown  # three vertebrae in each of four series
    assert re.search(r"\| a \\<b> \| 2D \| n/a \| 3 \| n/a \| n/a \| 12\.5 \| n/a", markdown)
    assert re.search(r"\| 3D\\\|x \| n/a \| n/a \| n/a", markdown)  # no cost file: nothing is guessed


def test_what_was_found_is_in_the_answer(markdown):
    assert "; found 12/12 vertebrae, 8/8 discs, 4/4 canals, at 3 M parameters" in markdown


def test_own_runs_stand_beside_published_figures_by_both_protocols(markdown):
    rows = [line for line in markdown.splitlines() if "| scored here, " in line]
    assert [row.split(" | ")[0] for row in rows] == ["| a \\<b>"] * 2 + ["| 3D\\|x"] * 2
    assert ["scored here, official protocol" in row for row in rows] == [True, False] * 2
    assert ["official SPIDER program" in row for row in rows] == [True, False] * 2
    assert ["| strict, mean" in row for row in rows] == [False, True] * 2


def test_seconds_measured_another_way_are_said_in_answer_and_chart(written, tmp_path):
    shutil.copytree(written, tmp_path / "runs")
    for method, device in (
        ("exact", "CPU, 2 threads"),
        ("shifted", "mean of the volumes, start-up included"),
    ):
        cost = Cost(seconds_per_volume=4.0, device=device)
        write_cost(tmp_path / "runs" / method / "scores" / "cost.json", cost)
    document = make_document(read_comparison(parse_study(both(tmp_path / "runs"))))
    own, other = document.answer[1:]
    assert own.endswith("at 4 s per volume on a CPU.")
    assert other.endswith("at 4 s per volume on a CPU (measured another way).")
    (section,) = (part for part in document.sections if part.title == "At what cost")
    remark = "Seconds per volume were measured in another way for 3D|x than for a <b>"
    assert remark in section.items[0].caption


def test_operations_of_another_volume_are_said_in_answer_and_chart(written):
    comparison = read_comparison(parse_study(both(written)))
    shapes = ((17, 512, 512), (17, 320, 320))
    costs = [
        Cost(gmac_per_volume=9.0, volume_shape_sra=shape, volume_spacing_sra_mm=(4, 1, 1)) for shape in shapes
    ]
    runs = tuple(replace(run, cost=cost) for run, cost in zip(comparison.runs, costs, strict=True))
    document = make_document(replace(comparison, runs=runs))
    assert document.answer[1].endswith("at 9 GMAC per volume.")
    assert document.answer[2].endswith("at 9 GMAC per volume (on another volume).")
    (section,) = (part for part in document.sections if part.title == "At what cost")
    assert "counted on another volume for 3D|x than for a <b>" in section.items[0].caption


def test_few_patients_are_said_to_be_few(markdown):
    assert "3 patients are too few for any difference to reach p < 0.05: the smallest p" in markdown
    assert "0.250, n too small" in markdown


def test_where_the_figures_come_from_says_the_subset(markdown, written):
    assert f"| a \\<b> | not stated | {written}" in markdown.replace("\\_", "_")


def sentences(words, **changes):
    study = parse_study(words).model_copy(update=changes)
    return non_inferiority_sentences(read_comparison(study))


def test_the_better_method_is_not_worse_and_for_the_worse_it_is_not_shown(written):
    better_first, worse_first = both(written), both(written)[::-1]
    assert sentences(better_first)[0].startswith(
        "a <b> is not worse than 3D|x by more than 0.02 Dice (95 % confidence): vert"
    )
    assert "It is NOT shown for vertebra (difference -0.0" in sentences(worse_first)[0]
    assert sentences(worse_first, margin_dice=0.001)[0].startswith(
        "It is NOT shown that 3D|x is at most 0.001 Dice worse than a <b> (95 % confidence): vert"
    )
    assert sentences(worse_first, margin_dice=0.99)[0].startswith(
        "3D|x is not worse than a <b> by more than 0.99 Dice"
    )


def test_the_one_sided_question_is_nowhere_called_a_closeness(markdown):
    assert "is the first method not worse than the other by more than 0.02 Dice?" in markdown
    assert "| not worse by more than 0.02? |" in markdown
    assert "is within" not in markdown  # a method that is far better is not within 0.02 of the other


def test_same_input_same_report(written):
    document = make_document(read_comparison(parse_study(both(written))))
    assert to_html(document) == (written / "comparison" / "report.html").read_text(encoding="utf-8")
    assert to_markdown(document) == (written / "comparison" / "report.md").read_text(encoding="utf-8")
    for picture in pictures_of(document):
        path = written / "comparison" / "figures" / f"{picture.name}.png"
        assert picture.png == path.read_bytes(), picture.name


def test_pictures_are_files_too(written, markdown):
    linked = set(re.findall(r"\]\((figures/[a-z_0-9]+\.png)\)", markdown))
    there = {f"figures/{path.name}" for path in (written / "comparison" / "figures").iterdir()}
    assert linked == there
    assert {"figures/accuracy.png", "figures/differences.png", "figures/disagreement_1.png"} <= linked


def events(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return accumulator


def test_every_method_and_published_row_is_a_run_of_tensorboard(written):
    folder = written / "comparison" / "tensorboard"
    assert sorted(path.name for path in folder.iterdir()) == [
        "3D_x",
        "a _b_",
        "published IIS, not comparable (synthetic data)",
        "published nnU-Net 3d_fullres, not comparable (synthetic data)",
        "reference masks",
    ]
    line = events(folder / "a _b_").Scalars("1_all_series/1_Dice_vertebra")
    assert [(point.step, point.value) for point in line] == [(0, 1.0), (4, 1.0)]
    published = events(folder / "published IIS, not comparable (synthetic data)")
    assert [p.value for p in published.Scalars("2_T1/2_ASD_mm_canal")] == pytest.approx([0.29, 0.29])
    rates = [tag for tag in published.Tags()["scalars"] if "detection_rate" in tag]
    assert rates == ["1_all_series/3_detection_rate_vertebra", "1_all_series/3_detection_rate_disc"]
    assert "4_T2_SPACE/1_Dice_disc" not in published.Tags()["scalars"]


def test_tensorboard_has_overlays_table_and_layout(written):
    first = events(written / "comparison" / "tensorboard" / "a _b_")
    tags = first.Tags()
    assert len(tags["images"]) == 3 and {tag.split("/")[0] for tag in tags["images"]} == {
        *("1_best_case", "2_median_case", "3_worst_case")
    }
    assert "custom_scalars__config__" in tags["tensors"]
    layout = first.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0]
    assert b"2D against 3D" in layout and b"intervals" in layout
    plugin = first.summary_metadata["_hparams_/session_start_info"].plugin_data
    assert plugin.plugin_name == "hparams" and b"million_parameters" in plugin.content
    series = [point.value for point in first.Scalars("6_series_sorted_by_Dice/disc")]
    assert len(series) == 4 and (np.diff(series) >= 0).all()


def test_one_run_alone_stands_beside_published_figures(written, tmp_path):
    assert run(both(written)[1], "--output", tmp_path) == 0
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# 3D\\|x against published figures")
    assert "disagree" not in text and "Paired differences" not in text
    assert "![" in text and "figures/case_worst.png" in text


def test_foreign_predictions_without_files_are_compared_without_pictures(written, tmp_path):
    shutil.copytree(written / "shifted", tmp_path / "shifted")
    metrics = tmp_path / "shifted" / "scores" / "metrics.json"
    metrics.write_text(metrics.read_text().replace(str(written / "shifted"), "gone"))
    assert run(both(written)[0], f"foreign={metrics.parent}", "--output", tmp_path / "out") == 0
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "No pictures of cases: the label files of foreign are not in gone/predictions" in text
    assert "case\\_" not in text and "figures/accuracy.png" in text


def test_errors_are_one_message_without_a_traceback(written):
    command = [sys.executable, str(SCRIPT), both(written)[0], "x=nowhere", "--output", str(written / "no")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: nowhere/metrics.json: no such file. Needed: a folder written by")
    assert "Traceback" not in done.stderr and not (written / "no").exists()


def test_label_files_that_were_not_scored_are_named_and_not_drawn(written, tmp_path):
    for name in NAMES:
        write_series(tmp_path / "coarse", name, spacing_xyz_mm=(4.4, 0.5, 0.8))
    study = tmp_path / "study.yaml"
    scores, predictions = (path.as_posix() for path in (written / "exact/scores", tmp_path / "coarse/masks"))
    study.write_text(f"runs: [{{name: moved, scores: {scores}, predictions: {predictions}}}]")
    assert run(study, "--output", tmp_path / "out") == 0
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8").replace("\\_", "_")
    assert f"the files in {predictions} are no longer those that were scored" in text
    assert "case_worst" not in text and "figures/accuracy.png" in text
    (events_folder,) = (tmp_path / "out" / "tensorboard").glob("moved")
    assert not events(events_folder).Tags()["images"]
