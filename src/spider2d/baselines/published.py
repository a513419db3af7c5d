"""Published results on SPIDER and beside it, each with its citation and whether it may be compared at all.

Figures as printed in the publications named; nothing here was measured by this project.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from spider2d.labels import CANAL, CLASS_NAMES, DISC, STRUCTURES, VERTEBRA

Dimension = Literal["2D", "2.5D", "3D"]

SPIDER_PAPER = "van der Graaf et al., Scientific Data 11:264, 2024"
CITATION_UNKNOWN = "citation not known"
HIDDEN_TEST_SET = "SPIDER hidden test set: 39 patients, 97 series"
VALIDATION_SET = "SPIDER official validation set: 39 patients, 87 series"
VALIDATION_PATIENTS, VALIDATION_SERIES = 39, 87
PER_STRUCTURE = "3D, mean and standard deviation over structures"


@dataclass(frozen=True)
class StructureFigures:
    """What was published for one structure; None where nothing was.

    Attributes:
        dice: Mean Dice, 0-1.
        dice_sd: Its standard deviation over structures.
        asd_mm: Mean average surface distance.
        asd_sd_mm: Its standard deviation over structures.
        detected: Share of structures found, 0-1.
        completeness: Of the canal, 0-1, published in the place of a share found; another measure.
    """

    dice: float | None = None
    dice_sd: float | None = None
    asd_mm: float | None = None
    asd_sd_mm: float | None = None
    detected: float | None = None
    completeness: float | None = None


@dataclass(frozen=True)
class PublishedResult:
    """One published method.

    Attributes:
        method: Short name.
        dimension: Of the network's input.
        structures: Figures by "vertebra", "disc", "canal".
        citation: Where the figures stand, or that this is not known.
        test_set: What they were measured on.
        protocol: How they were measured.
        comparable: Whether they are 3D scores per structure under a stated protocol on patients the method
            had not seen: "yes" or "no".
        reason: Why, in a few words; belongs into the same row.
        by_sequence: Figures of single sequences, where published.
        other_figure: What was published instead of figures per structure.
        parameters: Number of parameters, where published.
    """

    method: str
    dimension: Dimension
    structures: Mapping[str, StructureFigures]
    citation: str
    test_set: str
    protocol: str
    comparable: Literal["yes", "no"]
    reason: str
    by_sequence: Mapping[str, Mapping[str, StructureFigures]] = field(default_factory=dict)
    other_figure: str = ""
    parameters: int | None = None


def _all(vertebra: StructureFigures, disc: StructureFigures, canal: StructureFigures) -> dict:
    names = (CLASS_NAMES[kind] for kind in (VERTEBRA, DISC, CANAL))
    return dict(zip(names, (vertebra, disc, canal), strict=True))


def _dice_and_asd(*pairs: tuple[float, float]) -> dict:
    return _all(*(StructureFigures(dice=dice, asd_mm=asd) for dice, asd in pairs))


PUBLISHED = (
    PublishedResult(
        method="IIS",
        dimension="3D",
        structures=_all(
            StructureFigures(0.93, 0.05, 0.48, 0.95, 0.998),
            StructureFigures(0.84, 0.10, 0.54, 0.45, 0.987),
            StructureFigures(0.92, 0.04, 0.39, 0.45, completeness=0.991),
        ),
        citation=SPIDER_PAPER,
        test_set=HIDDEN_TEST_SET,
        protocol=f"{PER_STRUCTURE}; patches of 64 x 192 x 192 at 2 x 0.6 x 0.6 mm",
        comparable="yes",
        reason="3D figures per structure on patients the method had not seen",
        by_sequence={
            "t1": _dice_and_asd((0.93, 0.45), (0.85, 0.48), (0.93, 0.29)),
            "t2": _dice_and_asd((0.92, 0.51), (0.84, 0.58), (0.92, 0.46)),
        },
        other_figure="disc Dice .85 and discs found 98.9 % in the text, .84 and 98.7 % in the table",
        parameters=1_300_000,
    ),
    PublishedResult(
        method="nnU-Net 3d_fullres",
        dimension="3D",
        structures=_all(
            StructureFigures(0.92, 0.05, 0.43, 0.78, 1.0),
            StructureFigures(0.86, 0.09, 0.54, 1.04, 1.0),
            StructureFigures(0.92, 0.03, 0.37, 0.22),
        ),
        citation=SPIDER_PAPER,
        test_set=HIDDEN_TEST_SET,
        protocol=f"{PER_STRUCTURE}; ensemble of 5 folds",
        comparable="yes",
        reason="3D figures per structure on patients the method had not seen",
    ),
    PublishedResult(
        method="SPINEPS",
        dimension="3D",
        structures={"vertebra": StructureFigures(dice=0.929)},
        citation="Möller et al., arXiv:2402.16368, 2024",
        test_set="own split of SPIDER's public part",
        protocol="3D, vertebrae",
        comparable="no",
        reason="own split",
    ),
    PublishedResult(
        method="UNETR 32 x 128 x 128",
        dimension="3D",
        structures={},
        citation=f"{CITATION_UNKNOWN} (a project on SPIDER with MONAI's UNETR)",
        test_set="SPIDER's public part, patients both in training and validation",
        protocol="mean Dice of 20 level classes",
        comparable="no",
        reason="the same patients in training and validation; level classes, no figures per structure",
        other_figure="mean Dice .7154 over 20 level classes",
    ),
    PublishedResult(
        method="2D U-Net, official validation set",
        dimension="2D",
        structures=_all(*(StructureFigures(dice=dice) for dice in (0.903, 0.846, 0.902))),
        citation=CITATION_UNKNOWN,
        test_set=VALIDATION_SET,
        protocol="2D, semantic Dice of each class",
        comparable="no",
        reason="2D slices and whole classes: no instances, no volumes",
    ),
    PublishedResult(
        method="2D U-Net, thesis",
        dimension="2D",
        structures={},
        citation=f"{CITATION_UNKNOWN} (a thesis)",
        test_set="SPIDER's public part",
        protocol="pixels of all slices pooled, 20 level classes",
        comparable="no",
        reason="pooled 2D pixels, background counted, level classes",
        other_figure="macro F1 .705 over pooled 2D pixels; about 244 GMAC per slice",
        parameters=28_900_000,
    ),
)
"""All published results this project stands beside, comparable ones first."""

COMPARABLE = tuple(result for result in PUBLISHED if result.comparable == "yes")


def figures_of(result: PublishedResult, structure: str, sequence: str | None = None) -> StructureFigures:
    """Return the figures of a structure, of one sequence or of all; empty ones where nothing was published.

    Raises:
        KeyError: No such structure.
    """
    if structure not in STRUCTURES:
        raise KeyError(structure)
    figures = result.structures if sequence is None else result.by_sequence.get(sequence, {})
    return figures.get(structure, StructureFigures())
