"""The score files as a whole: all of one scoring, or not taken for one."""

import pytest
from scored_runs import score

from spider2d.evaluation import score_output


def test_half_replaced_scores_have_no_metrics(runs, monkeypatch):
    """A full disk after the first table: the old metrics.json must not stand beside the new table."""
    folder = runs / "exact"
    assert (folder / "scores" / "metrics.json").is_file()

    def disk_full(path, text):
        if path.name != "per_case.csv":
            raise OSError(28, "No space left on device", str(path))
        path.write_text(text)

    monkeypatch.setattr(score_output, "write_text", disk_full)
    with pytest.raises(OSError, match="No space left"):
        score(runs / "data" / "masks", folder / "predictions", folder / "scores")
    assert not (folder / "scores" / "metrics.json").exists()
