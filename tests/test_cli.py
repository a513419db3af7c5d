import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spider2d import cli
from spider2d.errors import VolumeError


def run(main, debug=False):
    return cli.run(main, argparse.Namespace(debug=debug))


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (3, 3)])
def test_the_exit_code_is_what_main_returns(returned, code):
    assert run(lambda args: returned) == code


def test_errors_for_the_user_are_one_line_on_stderr(capsys):
    def main(args):
        raise VolumeError("a.mha: damaged. Copy it again.")

    assert run(main) == cli.EXIT_FAILED
    captured = capsys.readouterr()
    assert captured.err == "error: a.mha: damaged. Copy it again.\n"
    assert captured.out == ""


def test_errors_of_the_operating_system_name_the_file(capsys, tmp_path):
    assert run(lambda args: (tmp_path / "missing.txt").read_text()) == cli.EXIT_FAILED
    assert capsys.readouterr().err == f"error: {tmp_path / 'missing.txt'}: No such file or directory\n"
    assert cli.describe(OSError("no file name here")) == "no file name here"


def test_names_that_a_console_cannot_show_are_escaped(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import argparse, sys\nfrom spider2d import cli\n"
        "main = lambda args: print('\\u65e5.mha')\nsys.exit(cli.run(main, argparse.Namespace(debug=False)))\n"
    )
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, check=True)
    assert done.stdout.split() == [b"\\u65e5.mha"]


def test_debug_shows_the_traceback():
    def main(args):
        raise VolumeError("damaged")

    with pytest.raises(VolumeError):
        run(main, debug=True)


def test_defects_of_the_program_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run(lambda args: 1 // 0)


def test_ctrl_c_is_no_traceback(capsys):
    def main(args):
        raise KeyboardInterrupt

    assert run(main) == cli.EXIT_INTERRUPTED == 130
    assert capsys.readouterr().err.startswith("interrupted: run the same command again")
    assert cli.run(main, argparse.Namespace(debug=False), cli.WORK_IS_KEPT) == 130
    assert capsys.readouterr().err == f"interrupted: {cli.WORK_IS_KEPT}\n"


def test_the_parser_shows_the_script_s_docstring_and_knows_debug(capsys):
    parser = cli.make_parser("What it does.\n\n  indented\n")
    assert parser.parse_args([]).debug is False
    assert parser.parse_args(["--debug"]).debug is True
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--help"])
    assert stop.value.code == 0
    assert "What it does.\n\n  indented" in capsys.readouterr().out


def test_options_cannot_be_abbreviated():
    with pytest.raises(SystemExit) as stop:
        cli.make_parser("x").parse_args(["--deb"])
    assert stop.value.code == 2


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (cli.whole_number(1), {"1": 1, "12": 12}, ["0", "-2", "1.5", "abc", ""]),
        (
            cli.number_between(0.1, 5),
            {"0.1": 0.1, "5": 5.0, "1e0": 1.0},
            ["0", "-1", "5.1", "nan", "inf", "abc"],
        ),
    ],
)
def test_numbers_out_of_range_are_refused_with_what_was_found_and_what_is_needed(kind, good, bad):
    assert {text: kind(text) for text in good} == good
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError, match=f"^{text!r}: a .*number .* is needed$"):
            kind(text)


def test_paths_that_are_not_utf_8_are_refused_before_any_work(capsys):
    args = argparse.Namespace(debug=False, inputs=[Path("a.mha"), Path("b\udce9.mha")])
    assert cli.run(lambda args: pytest.fail("work was begun"), args) == cli.EXIT_FAILED
    assert "'b\\udce9.mha': this name is not valid UTF-8" in capsys.readouterr().err
    assert cli.is_utf8(Path("C:\\udc\\a.mha"))
    assert cli.is_utf8(Path("wirbels\u00e4ule.mha"))


def test_paths_with_blanks_are_quoted_in_commands_to_type():
    assert cli.quoted(Path("my data") / "a.pt") == f'"{Path("my data") / "a.pt"}"'
    assert cli.quoted("runs") == "runs"


def test_a_step_is_printed_as_it_is_typed(tmp_path, capsys):
    (tmp_path / "nothing.py").touch()
    cli.run_step("nothing", [str(tmp_path / "nothing.py"), "2D U-Net=scores"])
    assert capsys.readouterr().out.strip().endswith('nothing.py "2D U-Net=scores"')


def test_a_step_that_is_interrupted_is_left_the_time_to_save(tmp_path):
    script, ready, saved = (tmp_path / name for name in ("step.py", "ready", "saved"))
    script.write_text(
        "import pathlib, signal, sys, time\n"
        "def save(*_):\n"
        f"    time.sleep(1); pathlib.Path({str(saved)!r}).touch(); sys.exit(1)\n"
        "signal.signal(signal.SIGINT, save)\n"
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(60)\n"
    )
    program = (
        # Whatever started the tests may ignore it, as a shell does for what runs in its background.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"from spider2d import cli; cli.run_step('slow', [{str(script)!r}])"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], start_new_session=True, stderr=subprocess.PIPE)
    while not ready.exists():
        assert parent.poll() is None, parent.stderr.read()
        time.sleep(0.01)
    os.killpg(parent.pid, signal.SIGINT)  # as a terminal does: to both
    assert b"KeyboardInterrupt" in parent.communicate(timeout=60)[1]
    assert saved.exists()
