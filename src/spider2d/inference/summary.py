"""What inference prints at its end: one screen for one volume, one line per volume for many."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from spider2d.inference.files import Outcome
from spider2d.labels import STRUCTURES


def format_report(report: dict[str, Any]) -> str:
    """Return the one-screen summary of a volume: every structure, then warnings and times."""
    lines = [f"{'structure':<14} {'volume ml':>10} {'confidence':>11}  touches the border"]
    for instance in report["instances"]:
        name = f"{instance['class']} {instance['label']}"
        volume_ml = "-" if instance["volume_ml"] is None else f"{instance['volume_ml']:.1f}"
        sides = ", ".join(instance["border_sides"])
        confidence = "-" if instance["confidence"] is None else f"{instance['confidence']:.2f}"
        lines.append(f"{name:<14} {volume_ml:>10} {confidence:>11}  {sides}".rstrip())
    lines += [f"warning: {warning['message']}" for warning in report["warnings"]]
    stages = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in report["seconds"].items())
    lines.append(f"{sum(report['seconds'].values()):.2f} s ({stages})")
    return "\n".join(lines)


def format_table(outcomes: Sequence[Outcome]) -> str:
    """Return one line per volume: structures found by class, seconds, number of warnings or what failed."""
    width = max(len(outcome.job.name) for outcome in outcomes)
    lines = [
        f"{'volume':<{width}} " + " ".join(f"{name:>8}" for name in STRUCTURES) + f" {'seconds':>8}  remarks"
    ]
    lines += [f"{outcome.job.name:<{width}} {_row(outcome)}" for outcome in outcomes]
    return "\n".join(lines)


def _row(outcome: Outcome) -> str:
    """Return what stands behind the name of a volume in the table."""
    if outcome.error is not None:
        return "FAILED, see below"
    if outcome.report is None:
        return "there already, skipped"
    counts = Counter(instance["class"] for instance in outcome.report["instances"])
    found = " ".join(f"{counts[name]:>8}" for name in STRUCTURES)
    codes = Counter(warning["code"] for warning in outcome.report["warnings"])
    remarks = ", ".join(code if n == 1 else f"{code} x{n}" for code, n in codes.items())
    return f"{found} {sum(outcome.report['seconds'].values()):>8.2f}  {remarks}".rstrip()
