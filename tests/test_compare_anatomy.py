"""experiments/compare_anatomy.py on pictures made of a phantom."""

import cv2
import numpy as np
import pytest
from run_script import run_script

from spider2d.data.phantom.dataset import SeriesPlan, make_planned_series


@pytest.fixture
def pictures(tmp_path):
    """One mid-sagittal picture, lowest row first, and its table."""
    series = make_planned_series(SeriesPlan(tmp_path, 1, 2, "t2", "clinical"))
    plane = series.image_sra[series.image_sra.shape[0] // 2].astype(np.float32)
    picture = (plane / plane.max() * 255).astype(np.uint8)
    (tmp_path / "png").mkdir()
    cv2.imwrite(str(tmp_path / "png" / "2_t2.png"), picture)
    row_mm, column_mm = series.spacing_sra_mm[1:]
    (tmp_path / "overview.csv").write_text(
        f'new_file_name,num_vertebrae,PixelSpacing\n2_t2,7,"[{row_mm}, {column_mm}]"\n'
    )
    return tmp_path


def run(*words):
    return run_script("experiments/compare_anatomy.py", *words)


def test_it_prints_the_proportions_of_both(pictures):
    done = run(pictures / "png", pictures / "overview.csv", "--phantoms", 1)
    assert done.returncode == 0, done.stderr
    assert "pairs in 1 of 1" in done.stdout
    heights = [line.split() for line in done.stdout.splitlines() if "disc height to body height" in line]
    assert len(heights) == 2
    for words in heights:
        assert 0.1 < float(words[-3]) < 0.7


def test_a_half_without_pictures_is_named(pictures):
    done = run(pictures / "png", pictures / "overview.csv", "--half", "report")
    assert done.returncode == 1
    assert "of the half 'report'" in done.stderr and "Traceback" not in done.stderr
