"""The cost tables, on runs of which only the cost matters."""

from dataclasses import dataclass
from types import SimpleNamespace

from spider2d.cost_file import Cost
from spider2d.reports.cost_tables import (
    cost_table,
    counted_otherwise,
    counting_sentence,
    timing_sentence,
    training_table,
    was_cut_short,
)

VOLUME = {"volume_shape_sra": (17, 300, 200), "volume_spacing_sra_mm": (4, 0.5, 0.5)}


@dataclass(frozen=True)
class Run:
    name: str
    cost: Cost
    dimension: str | None = "2D"


def comparison(**costs):
    return SimpleNamespace(runs=tuple(Run(name, Cost(**cost)) for name, cost in costs.items()))


def test_training_is_shown_with_its_plan():
    table = training_table(
        comparison(a={"steps": 900, "planned_steps": 18000, "batch_size": 8, "threads": 2}, b={})
    )
    assert dict(zip(table.columns, table.rows[0], strict=True)) == {
        **{"method": "a", "dim.": "2D", "steps done": "900", "steps planned": "18 000", "batch size": "8"},
        **{"threads": "2", "processes": "n/a", "time": "n/a", "peak memory, GB": "n/a", "trained on": "n/a"},
    }
    assert set(table.rows[1][2:]) == {"n/a"}


def test_cut_short_is_fewer_steps_than_planned():
    assert was_cut_short(Cost(steps=999, planned_steps=1000))
    assert not was_cut_short(Cost(steps=1000, planned_steps=1000))
    assert not was_cut_short(Cost(steps=1000)) and not was_cut_short(Cost(planned_steps=1000))


def test_seconds_measured_alike_need_no_remark():
    alike = {"seconds_per_volume": 3.0, "device": "CPU, 2 threads", **VOLUME}
    runs = comparison(a=alike, b=alike, c={"parameters": 5})
    assert timing_sentence(runs) is None
    note = cost_table(runs).note
    assert (
        "Volume, processor and precision of a, b: 17 x 300 x 200 at 4 x 0.5 x 0.5 mm on CPU, 2 threads."
        in note
    )
    assert "differ" not in note


def test_seconds_measured_in_another_way_are_named():
    runs = comparison(
        a={"gmac_per_volume": 3.0},
        b={"seconds_per_volume": 3.0, "device": "CPU, 2 threads", **VOLUME},
        c={"seconds_per_volume": 9.0, "device": "cpu, mean of the data set's volumes"},
    )
    assert "in another way for c than for b" in timing_sentence(runs)
    assert "c: a volume that was not stated on cpu, mean of" in cost_table(runs).note
    assert "They differ" in cost_table(runs).note


def test_precision_is_part_of_how_seconds_were_measured():
    way = {"seconds_per_volume": 3.0, "gmac_per_volume": 2.0, "device": "CPU, 2 threads", **VOLUME}
    runs = comparison(a=way | {"inference_precision": "bf16"}, b=way | {"inference_precision": "fp32"})
    assert "in another way for b than for a" in timing_sentence(runs)
    assert "b: 17 x 300 x 200 at 4 x 0.5 x 0.5 mm on CPU, 2 threads in fp32" in cost_table(runs).note
    assert counting_sentence(runs) is None  # operations are the same in every precision


def test_seconds_on_gpus_stand_with_their_gpu_and_different_ones_are_noted():
    one, other = (
        {"seconds_per_volume": 3.0, "seconds_per_volume_gpu": 0.25, "gpu": gpu, "peak_gpu_memory_gb": 2.5}
        for gpu in ("NVIDIA A", "NVIDIA B")
    )
    runs = comparison(a=one, b=one, c=other, d={"seconds_per_volume": 3.0})
    table = cost_table(runs)
    cells = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    seconds = ["0.25 (NVIDIA A)", "0.25 (NVIDIA A)", "0.25 (NVIDIA B)", "n/a"]
    assert [row["s per volume, GPU"] for row in cells] == seconds
    assert [row["peak GPU memory, GB"] for row in cells] == ["2.5", "2.5", "2.5", "n/a"]
    assert "measured on another GPU or volume for c than for a: do not compare them." in table.note
    assert "GPU" not in cost_table(comparison(a=one, b=one)).note
    assert "a GPU that was not stated" in cost_table(comparison(a={**one, "gpu": None})).rows[0][-2]


def test_seconds_on_a_gpu_alone_are_a_measurement_too():
    note = cost_table(comparison(a={"seconds_per_volume_gpu": 0.25, "gpu": "NVIDIA A"}, b={})).note
    assert "on a GPU alone" in note and "No cost was measured" not in note


def test_operations_of_another_volume_are_named():
    larger = {"volume_shape_sra": (17, 600, 400), "volume_spacing_sra_mm": (4, 0.5, 0.5)}
    runs = comparison(
        a={"seconds_per_volume": 3.0, **larger},  # no operations: not the one to compare with
        b={"gmac_per_volume": 3.0, "device": "CPU", **VOLUME},
        c={"gmac_per_volume": 9.0, "device": "another CPU", **VOLUME},
        d={"gmac_per_volume": 9.0, "device": "CPU", **larger},
    )
    assert [run.name for run in counted_otherwise(runs)] == ["d"]  # what counts them does not matter
    assert "were counted on another volume for d than for b" in counting_sentence(runs)
    assert counting_sentence(comparison(a={}, b={"gmac_per_volume": 3.0, **VOLUME})) is None


def test_nothing_measured_says_what_to_type():
    assert "python experiments/measure_cost.py --checkpoint FILE" in cost_table(comparison(a={})).note
