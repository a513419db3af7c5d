import pytest

from spider2d.baselines.published import (
    CITATION_UNKNOWN,
    COMPARABLE,
    HIDDEN_TEST_SET,
    PUBLISHED,
    SPIDER_PAPER,
    VALIDATION_PATIENTS,
    VALIDATION_SERIES,
    VALIDATION_SET,
    StructureFigures,
    figures_of,
)
from spider2d.labels import STRUCTURES

BY_METHOD = {result.method: result for result in PUBLISHED}

# Dice, its SD, ASD mm, its SD, detected, completeness: every figure of the SPIDER paper that is kept here.
PAPER = [
    ("IIS", "vertebra", None, (0.93, 0.05, 0.48, 0.95, 0.998, None)),
    ("IIS", "disc", None, (0.84, 0.10, 0.54, 0.45, 0.987, None)),
    ("IIS", "canal", None, (0.92, 0.04, 0.39, 0.45, None, 0.991)),
    ("nnU-Net 3d_fullres", "vertebra", None, (0.92, 0.05, 0.43, 0.78, 1.0, None)),
    ("nnU-Net 3d_fullres", "disc", None, (0.86, 0.09, 0.54, 1.04, 1.0, None)),
    ("nnU-Net 3d_fullres", "canal", None, (0.92, 0.03, 0.37, 0.22, None, None)),
    ("IIS", "vertebra", "t1", (0.93, None, 0.45, None, None, None)),
    ("IIS", "vertebra", "t2", (0.92, None, 0.51, None, None, None)),
    ("IIS", "disc", "t1", (0.85, None, 0.48, None, None, None)),
    ("IIS", "disc", "t2", (0.84, None, 0.58, None, None, None)),
    ("IIS", "canal", "t1", (0.93, None, 0.29, None, None, None)),
    ("IIS", "canal", "t2", (0.92, None, 0.46, None, None, None)),
    ("SPINEPS", "vertebra", None, (0.929, None, None, None, None, None)),
    ("2D U-Net, official validation set", "vertebra", None, (0.903, None, None, None, None, None)),
    ("2D U-Net, official validation set", "disc", None, (0.846, None, None, None, None, None)),
    ("2D U-Net, official validation set", "canal", None, (0.902, None, None, None, None, None)),
]

# method, dimension, comparable, test set, citation, parameters, what was published instead
ROWS = [
    (
        *("IIS", "3D", "yes", HIDDEN_TEST_SET, SPIDER_PAPER, 1_300_000),
        "disc Dice .85 and discs found 98.9 % in the text, .84 and 98.7 % in the table",
    ),
    ("nnU-Net 3d_fullres", "3D", "yes", HIDDEN_TEST_SET, SPIDER_PAPER, None, ""),
    (
        *("SPINEPS", "3D", "no", "own split of SPIDER's public part"),
        *("Möller et al., arXiv:2402.16368, 2024", None, ""),
    ),
    (
        *("UNETR 32 x 128 x 128", "3D", "no"),
        "SPIDER's public part, patients both in training and validation",
        f"{CITATION_UNKNOWN} (a project on SPIDER with MONAI's UNETR)",
        *(None, "mean Dice .7154 over 20 level classes"),
    ),
    ("2D U-Net, official validation set", "2D", "no", VALIDATION_SET, CITATION_UNKNOWN, None, ""),
    (
        *(
            "2D U-Net, thesis",
            "2D",
            "no",
            "SPIDER's public part",
            f"{CITATION_UNKNOWN} (a thesis)",
            28_900_000,
        ),
        "macro F1 .705 over pooled 2D pixels; about 244 GMAC per slice",
    ),
]


@pytest.mark.parametrize(("method", "structure", "sequence", "figures"), PAPER)
def test_figures_are_those_published(method, structure, sequence, figures):
    assert figures_of(BY_METHOD[method], structure, sequence) == StructureFigures(*figures)


def test_no_other_figures_are_kept():
    kept = {(r.method, structure, None) for r in PUBLISHED for structure in r.structures}
    for result in PUBLISHED:
        for sequence, structures in result.by_sequence.items():
            kept |= {(result.method, structure, sequence) for structure in structures}
    assert kept == {row[:3] for row in PAPER}


def test_rows_say_what_they_were_measured_on_and_where_they_stand():
    keys = ("method", "dimension", "comparable", "test_set", "citation", "parameters", "other_figure")
    assert [tuple(getattr(result, key) for key in keys) for result in PUBLISHED] == ROWS
    assert all(result.protocol and result.reason for result in PUBLISHED)


def test_test_sets():
    assert HIDDEN_TEST_SET == "SPIDER hidden test set: 39 patients, 97 series"
    assert VALIDATION_SET == "SPIDER official validation set: 39 patients, 87 series"
    assert (VALIDATION_PATIENTS, VALIDATION_SERIES) == (39, 87)
    assert {result.test_set for result in COMPARABLE} == {HIDDEN_TEST_SET}  # the charts say so for all lines


def test_what_was_not_published_is_empty():
    assert figures_of(BY_METHOD["IIS"], "canal", "t2_SPACE") == StructureFigures()
    assert figures_of(BY_METHOD["SPINEPS"], "disc") == StructureFigures()


def test_unknown_structure():
    assert STRUCTURES == ("vertebra", "disc", "canal")
    with pytest.raises(KeyError):
        figures_of(PUBLISHED[0], "sacrum")
