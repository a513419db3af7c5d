import json

import numpy as np
import pytest

from spider2d.evaluation.bootstrap import bootstrap_means
from spider2d.evaluation.case_score import CaseScore
from spider2d.evaluation.instance_score import InstanceScore
from spider2d.evaluation.matching import count_overlap
from spider2d.evaluation.spider_score import OFFICIAL_NAMES, SpiderScore
from spider2d.evaluation.strict_score import strict_score
from spider2d.evaluation.summary import format_table, names_note, patient_and_sequence, summarise

NAN = float("nan")


def case(name, official, dice):
    """A case with one vertebra; ``official`` overrides single official figures."""
    values = dict.fromkeys(OFFICIAL_NAMES, 0.5) | official
    instances = (InstanceScore("vertebra", "detected", 1, 1, dice=dice),)
    empty = np.zeros((1, 1, 1), dtype=np.uint8)
    strict = strict_score(count_overlap(empty, empty), instances)
    return CaseScore(name, SpiderScore(values, "", ()), strict, instances, (), "digest")


CASES = [
    case("1_t1", {"ASDDiscs": 1.0, "DiceScoreSpinalCanal": 0.8}, 0.9),
    case("1_t2_SPACE", {"ASDDiscs": NAN, "DiceScoreSpinalCanal": 999.0}, 0.8),
    case("2_t1", {"ASDDiscs": 3.0, "DiceScoreSpinalCanal": 0.6}, 0.4),
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("12_t1", ("12", "t1")),
        ("12_t2", ("12", "t2")),
        ("12_t2_SPACE", ("12", "t2_SPACE")),
        ("site_a_7_t2", ("site_a_7", "t2")),
        ("foreign", ("foreign", "unknown")),
        ("12_T1", ("12_T1", "unknown")),
    ],
)
def test_patient_and_sequence(name, expected):
    assert patient_and_sequence(name) == expected


def test_names_that_give_no_patient_are_noted():
    assert names_note(["12_t1", "12_t2_SPACE"]) is None
    note = names_note(["12_t1", "001_T1", "sub-01_T2w", "12_t2_space"])
    assert note.startswith("3 of 4 names are not <patient>_<t1|t2|t2_SPACE> (first: 001_T1): each")
    assert summarise(CASES)["names_note"] is None
    assert summarise([*CASES, case("3_T1", {}, 0.9)])["names_note"].startswith("1 of 4 names")


def test_official_means_skip_nan_and_average_999_in():
    official = summarise(CASES)["official"]
    assert official["ASDDiscs"] == {
        **{"mean": 2.0, "std": pytest.approx(np.sqrt(2)), "n": 2},
        **{"n_sentinel": 0, "mean_without_sentinel": 2.0},
    }
    canal = official["DiceScoreSpinalCanal"]
    assert canal["mean"] == pytest.approx((0.8 + 999 + 0.6) / 3)
    assert canal["n_sentinel"] == 1
    assert canal["mean_without_sentinel"] == pytest.approx(0.7)


def test_strict_means_and_sample_deviation():
    strict = summarise(CASES)["strict"]["vertebra_dice"]
    assert strict == {
        "mean": pytest.approx(0.7),
        "std": pytest.approx(np.std([0.9, 0.8, 0.4], ddof=1)),
        "n": 3,
    }
    assert summarise(CASES)["strict"]["disc_dice"] == {"mean": None, "std": None, "n": 0}


def test_by_sequence():
    by_sequence = summarise(CASES)["by_sequence"]
    assert list(by_sequence) == ["t1", "t2_SPACE"]
    assert by_sequence["t1"]["n_cases"] == by_sequence["t1"]["n_patients"] == 2
    assert by_sequence["t1"]["strict"]["vertebra_dice"]["mean"] == pytest.approx(0.65)
    assert by_sequence["t2_SPACE"]["strict"]["vertebra_dice"] == {"mean": 0.8, "std": None, "n": 1}


def test_instances_are_pooled_without_the_extra_ones():
    extra = InstanceScore("vertebra", "extra", None, 9, prediction_volume_ml=50.0)
    crowded = CaseScore(
        **{**CASES[0].__dict__, "instances": (*CASES[0].instances, *CASES[2].instances, extra)}
    )
    pooled = summarise([crowded])["instances"]["vertebra"]
    assert pooled["dice"] == {"mean": pytest.approx(0.65), "std": pytest.approx(np.sqrt(0.125)), "n": 2}
    assert pooled["prediction_volume_ml"]["mean"] == 0


def test_summary_is_strict_json_and_repeatable():
    text = json.dumps(summarise(CASES), allow_nan=False)
    assert json.dumps(summarise(CASES), allow_nan=False) == text


def test_intervals_leave_999_out_and_need_three_patients():
    cases = [case(f"{patient}_t1", {"DiceScoreSpinalCanal": 0.6}, 0.9) for patient in range(3)]
    cases.append(case("6_t2_SPACE", {"DiceScoreSpinalCanal": 999.0}, 0.9))
    intervals = summarise(cases)["confidence_intervals"]
    assert intervals["official"]["DiceScoreSpinalCanal"] == pytest.approx([0.6, 0.6])
    assert intervals["by_sequence"]["t1"]["strict"]["vertebra_dice"] == pytest.approx([0.9, 0.9])
    assert intervals["by_sequence"]["t2_SPACE"]["strict"]["vertebra_dice"] is None
    assert summarise(cases[1:])["confidence_intervals"]["official"]["DiceScoreSpinalCanal"] is None


def test_patients_are_resampled_not_cases():
    """Ten series of one patient, one of each of four: k draws of the first are 10 k of 10 k + 5 - k rows."""
    values = np.array([[1.0]] * 10 + [[0.0]] * 4)
    patients = ["a"] * 10 + ["b", "c", "d", "e"]
    bounds = bootstrap_means(values, patients, n_resamples=4000)[:, 0]
    assert bounds == pytest.approx([0, 30 / 32])  # k = 0 in 33 % of draws; k > 3 in 0.7 %, k > 2 in 5.8 %
    middle = bootstrap_means(values, patients, n_resamples=4000, level=0.1)[:, 0]
    assert middle == pytest.approx(10 / 14)  # k = 1, weighted by their series


def test_missing_values_do_not_count():
    values = np.array([[3.0, NAN], [3.0, 5.0], [3.0, 5.0], [NAN, 5.0]])
    bounds = bootstrap_means(values, ["a", "b", "c", "c"])
    assert bounds[:, 0].tolist() == [3.0, 3.0]  # three patients
    assert np.isnan(bounds[:, 1]).all()  # three values of two patients: too few


def test_seed_decides_the_intervals():
    values = np.random.default_rng(1).normal(size=(30, 2))
    patients = [str(number // 2) for number in range(30)]
    first, again, other = (bootstrap_means(values, patients, 200, seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_intervals_cover_the_true_mean_about_as_often_as_they_say():
    """40 patients with 1-3 similar series; resampling series instead would cover clearly less often."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(40), rng.integers(1, 4, size=40))
    n_experiments, covered, covered_by_series = 300, 0, 0
    for experiment in range(n_experiments):
        values = (rng.normal(size=40)[patients] + 0.3 * rng.normal(size=len(patients)))[:, None]
        low, high = bootstrap_means(values, patients, 400, experiment)[:, 0]
        covered += low <= 0 <= high
        low, high = bootstrap_means(values, np.arange(len(patients)), 400, experiment)[:, 0]
        covered_by_series += low <= 0 <= high
    assert 0.89 <= covered / n_experiments <= 0.99
    assert covered_by_series < covered - 0.04 * n_experiments


def test_table_names_what_a_reader_needs():
    table = format_table(json.loads(json.dumps(summarise(CASES))))
    lines = table.splitlines()
    assert "3 series of 2 patients" in lines[0]
    vertebra = next(line for line in lines if line.startswith("vertebra  all"))
    assert "0.700" in vertebra and "[" not in vertebra  # two patients give no interval
    assert "3/3" in vertebra
    assert sum(line.split()[:1] == ["t2_SPACE"] for line in lines) == 3
    assert "ASDDiscs 1" in table
    assert "999" in lines[-1]
    five = format_table(summarise([case(f"{patient}_t1", {}, 0.9) for patient in range(3)]))
    assert "0.900 [0.900, 0.900]" in five


def test_table_columns_hold_what_their_heads_say():
    found = InstanceScore(
        "vertebra", "detected", 1, 1, dice=0.9, asd_mm=0.25, hd95_mm=1.5, surface_dice_1mm=0.75
    )
    empty = np.zeros((1, 1, 1), dtype=np.uint8)
    strict = strict_score(count_overlap(empty, empty), (found,))
    official = SpiderScore(dict.fromkeys(OFFICIAL_NAMES, 0.5), "", ())
    lines = format_table(
        summarise([CaseScore("1_t1", official, strict, (found,), (), "digest")])
    ).splitlines()
    head = next(line for line in lines if "HD95" in line)
    row = next(line for line in lines if line.startswith("vertebra"))
    for name, value in (("Dice", "0.900"), ("ASD", "0.25"), ("HD95", "1.50"), ("detected", "1/1")):
        assert name in head and value in row.split(), (name, row)
    assert row.split()[-5:] == ["0.25", "1.50", "0.750", "1/1", "0"]
