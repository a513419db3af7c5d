"""preprocessing/make_phantom.py as a user runs it."""

from run_script import run_script


def run(*words):
    return run_script("preprocessing/make_phantom.py", *words)


def test_it_writes_a_data_set_and_names_the_next_command(tmp_path):
    done = run("--output", tmp_path / "p", "--patients", 1, "--size", "tiny", "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert "wrote 2 series of 1 phantom patients" in done.stdout
    assert "a training needs --patients 5 or more" in done.stdout
    assert f"python preprocessing/extract_slices.py --dataset {tmp_path / 'p'}" in done.stdout
    assert (tmp_path / "p" / "overview.csv").exists()


def test_other_settings_in_the_folder_are_one_message_without_traceback(tmp_path):
    run("--output", tmp_path, "--patients", 1, "--size", "tiny", "--workers", 1)
    again = run("--output", tmp_path, "--patients", 1, "--size", "tiny", "--seed", 7)
    assert again.returncode == 1
    assert again.stderr.startswith("error: ")
    assert "Traceback" not in again.stderr
