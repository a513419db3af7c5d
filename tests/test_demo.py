import pytest
from load_script import load_script

from spider2d.errors import Spider2dError

demo = load_script("experiments/demo.py")


def test_every_step_is_a_command_its_script_understands(tmp_path):
    steps = demo.demo_steps(tmp_path, patients=20, max_minutes=7.0)
    assert [command[0].split("/")[1] for _, command in steps] == [
        "make_phantom.py",
        "extract_slices.py",
        "train.py",
        "infer_volume.py",
        "evaluate_volumes.py",
        "measure_cost.py",
        "compare_2d_3d.py",
    ]
    for _, (script, *words) in steps:
        load_script(script).parse_args(words)


def test_second_run_resumes_the_training(tmp_path):
    run = tmp_path / "runs" / "phantom_2d"
    run.mkdir(parents=True)
    (run / "last.pt").touch()
    assert "--resume" in dict(demo.demo_steps(tmp_path, 20, 7.0))["Training"]


def test_failing_step_ends_the_demo(tmp_path):
    with pytest.raises(Spider2dError, match="the step 'Scores' ended with exit code 1"):
        demo.run_step("Scores", ["src/evaluate_volumes.py", "--references", str(tmp_path / "none")])
