"""What every command-line script shares: the parser, the exit code, errors without a traceback."""

import argparse
import io
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from spider2d.errors import Spider2dError

# Read when torch is loaded, after this module: waiting threads sleep. Threads that spin (the default)
# make networks 10 to 20 times slower where other programs use the cores too, and gain nothing on idle ones.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

PROJECT_ROOT = Path(__file__).resolve().parents[2]
SHIPPED_CHECKPOINT = PROJECT_ROOT / "weights" / "synthetic_2d.pt"
"""The network used where none is named; its model card is the README beside it."""

NOT_UTF8 = "this name is not valid UTF-8. Rename the file or folder, or set PYTHONUTF8=1 and run again."

WORK_IS_KEPT = "finished work is kept; run the same command again to go on"
"""What to do after Ctrl-C in a script that writes as it goes, and finds again what it has written."""

EXIT_OK, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose ``--help`` starts with ``description`` and that knows ``--debug``."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--debug", action="store_true", help="show the full traceback of an error")
    return parser


def quoted(path: Path | str) -> str:
    """Return a path as it is typed in a command: in quotes when it holds blanks."""
    return f'"{path}"' if " " in str(path) else str(path)


def whole_number(minimum: int) -> Callable[[str], int]:
    """Return an option's ``type``: a whole number of at least ``minimum``, or a message that says so."""

    def convert(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]+", text) or int(text) < minimum:
            raise argparse.ArgumentTypeError(f"{text!r}: a whole number of at least {minimum} is needed")
        return int(text)

    return convert


def number_between(low: float, high: float) -> Callable[[str], float]:
    """Return an option's ``type``: a number from ``low`` to ``high``, or a message that says so."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r}: a number from {low:g} to {high:g} is needed")
        return value

    return convert


def run(
    main: Callable[[argparse.Namespace], int | None],
    args: argparse.Namespace,
    after_interrupt: str = "run the same command again",
) -> int:
    """Run a script's ``main`` and turn user-facing errors into one message on stderr.

    Args:
        main: The script's main function; its return value is the exit code (None = 0).
        args: Parsed arguments with a ``debug`` attribute.
        after_interrupt: What to do after Ctrl-C.

    Returns:
        The exit code: 0 on success, 1 after a user-facing error, 130 after Ctrl-C.
        Other exceptions are defects of the program and propagate.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # some consoles cannot show every file name
            stream.reconfigure(errors="backslashreplace")
    try:
        _check_names(args)
        return main(args) or EXIT_OK
    except (Spider2dError, OSError) as error:
        if args.debug:
            raise
        print(f"error: {describe(error)}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print(f"interrupted: {after_interrupt}", file=sys.stderr)
        return EXIT_INTERRUPTED


def is_utf8(path: Path) -> bool:
    """Return whether a path can be written as UTF-8, as the readers of images and all our files need."""
    return not re.search("[\ud800-\udfff]", str(path))  # stand-ins for bytes that Python could not decode


def _check_names(args: argparse.Namespace) -> None:
    """Refuse, before any work is done, paths that cannot be read or written later on."""
    for value in vars(args).values():
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, Path) and not is_utf8(path):
                raise Spider2dError(f"{str(path)!r}: {NOT_UTF8}")


def describe(error: Exception) -> str:
    """Return the message for an error, naming the file for errors of the operating system."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def wait_for(process: subprocess.Popen) -> int:
    """Wait for a command and return its exit code; Ctrl-C reaches it too, and it is left the time to save."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        raise


def run_step(title: str, command: list[str]) -> float:
    """Run one documented command, a script of the project and its words, and return its seconds.

    Raises:
        Spider2dError: It fails.
    """
    print(f"\n=== {title}: python {' '.join(map(quoted, command))}", flush=True)
    start = time.perf_counter()
    script = PROJECT_ROOT / command[0]
    with subprocess.Popen([sys.executable, str(script), *command[1:]]) as process:
        code = wait_for(process)
    if code != 0:
        raise Spider2dError(f"the step '{title}' ended with exit code {code}; its message stands above")
    return time.perf_counter() - start
