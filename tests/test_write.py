"""What a comparison removes in its output folder, and what it leaves alone."""

import pytest
from load_script import load_script
from scored_runs import compare

from spider2d import cli
from spider2d.errors import OutputError
from spider2d.reports.write import _FIGURE_NAME, write_comparison

script = load_script("src/compare_2d_3d.py")


def test_a_foreign_tensorboard_folder_is_refused_before_anything_is_written(written_runs, tmp_path, capsys):
    events = tmp_path / "tensorboard" / "run" / "events.out.tfevents.1"
    events.parent.mkdir(parents=True)
    events.write_text("days of training")
    words = [f"a={written_runs / 'exact' / 'scores'}", "--output", str(tmp_path)]
    assert cli.run(script.main, script.parse_args(words)) == 1
    message = capsys.readouterr().err
    assert f"{tmp_path / 'tensorboard'}: is there, and {tmp_path} holds no earlier comparison" in message
    assert "give another --output folder" in message
    assert events.read_text() == "days of training" and [path.name for path in tmp_path.iterdir()] == [
        "tensorboard"
    ]
    (tmp_path / "report.html").write_text("a report of another program")
    with pytest.raises(OutputError, match="no earlier comparison"):
        write_comparison(compare(written_runs, "exact"), tmp_path)


def test_what_an_earlier_comparison_had_more_is_removed(written_runs, tmp_path):
    figures, events = tmp_path / "figures", tmp_path / "tensorboard"
    write_comparison(compare(written_runs, "exact", "shifted"), tmp_path)
    assert all(_FIGURE_NAME.fullmatch(path.name) for path in figures.iterdir())
    (figures / "disagreement_12.png").touch()
    foreign = ["my_accuracy.png", "disagreement_1.svg"]
    for name in foreign:
        (figures / name).touch()
    assert (figures / "disagreement_1.png").exists() and (events / "shifted").is_dir()
    write_comparison(compare(written_runs, "exact"), tmp_path)
    there = {path.name for path in figures.iterdir()}
    charts = {"accuracy.png", "series.png"}
    assert there == {*charts, *(f"case_{title}.png" for title in ("best", "median", "worst")), *foreign}
    assert (events / "exact").is_dir() and not (events / "shifted").exists()


def test_figures_beside_no_comparison_are_not_removed(written_runs, tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "cost.png").write_text("of another program")
    write_comparison(compare(written_runs, "exact"), tmp_path)
    assert (tmp_path / "figures" / "cost.png").read_text() == "of another program"
