import json
import time

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from spider2d.training.cost import NetworkCost
from spider2d.training.tracking import Tracker
from spider2d.training.validate import ValidationSummary

SUMMARY = ValidationSummary(0.75, {"vertebra": 0.5, "disc": 1.0}, {"t2": {"vertebra": 0.5, "disc": 1.0}})


def events_of(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_everything_promised_is_in_tensorboard(tmp_path):
    with Tracker(tmp_path) as tracker:
        tracker.start("seed: 0\n", NetworkCost(123, 4.5, (64, 32)))
        tracker.training(1, {"total": 2.5, "learning_rate": 0.125})
        tracker.validation(1, SUMMARY)
        tracker.picture(1, "1_t2", np.zeros((8, 24, 3), np.uint8))
    events = events_of(tmp_path)
    scalars = {tag: events.Scalars(tag)[0].value for tag in events.Tags()["scalars"]}
    assert scalars == {
        "cost/parameters": 123,
        "cost/gmac_per_slice": 4.5,
        "training/total": 2.5,
        "training/learning_rate": 0.125,
        "validation/score": 0.75,
        "validation/dice_vertebra": 0.5,
        "validation/dice_disc": 1.0,
        "validation_t2/dice_vertebra": 0.5,
        "validation_t2/dice_disc": 1.0,
    }
    assert events.Tags()["images"] == ["overlay/1_t2"]
    assert {tag.split("/")[0] for tag in events.Tags()["tensors"]} == {"config", "cost"}


def test_metrics_file_has_one_object_per_line(tmp_path):
    with Tracker(tmp_path) as tracker:
        tracker.training(1, {"total": 2.5})
        tracker.validation(2, SUMMARY)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines[0] == {"kind": "training", "step": 1, "total": 2.5}
    assert lines[1]["score"] == 0.75
    assert lines[1]["by_sequence"] == {"t2": {"vertebra": 0.5, "disc": 1.0}}


def test_resumed_tracker_forgets_what_came_after_the_checkpoint(tmp_path):
    with Tracker(tmp_path) as tracker:
        for step in (1, 2, 3):
            tracker.training(step, {"total": float(step)})
    time.sleep(1.1)  # event files are read in the order of the seconds in their names
    with Tracker(tmp_path, step=2) as tracker:
        tracker.training(3, {"total": 30.0})
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["total"]) for line in lines] == [(1, 1.0), (2, 2.0), (3, 30.0)]
    assert [(e.step, e.value) for e in events_of(tmp_path).Scalars("training/total")] == [
        (1, 1),
        (2, 2),
        (3, 30),
    ]
