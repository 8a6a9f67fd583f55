"""What an examination by experiments came to, and the trainings that it went by."""

from __future__ import annotations

from fitwell.report.picture import Contents, Table
from fitwell.report.words import capital, listed, metric_title, number


def examined_sentence(contents: Contents) -> str:
    """Return the verdict of an examination, and what it took; nothing where there was none."""
    diagnosis = contents.diagnosis
    if not diagnosis:
        return ""
    sick = any(each["status"] == "confirmed" and each["severity"] == "critical" for each in contents.findings)
    said = f"Examined by {number(diagnosis['trainings'])} trainings: {'sick' if sick else 'healthy'}. "
    said += f"{capital(diagnosis['why'])}."
    if diagnosis["untried"]:
        said += f" The time did not allow {listed(diagnosis['untried'])}."
    return said


def experiments_table(contents: Contents) -> Table | None:
    """Return every training and simple model that was compared, in order; None where there was no examination."""
    diagnosis = contents.diagnosis
    if not diagnosis.get("experiments"):
        return None
    figure = metric_title(diagnosis["metric"])
    rows = [
        (
            each["name"],
            {"own": "the run's"}.get(each["seed"], each["seed"]),
            "–" if each["figure"] is None else number(each["figure"]),
        )
        for each in diagnosis["experiments"]
    ]
    return Table(header=("what was trained", "seed", f"{figure} on the validation rows"), rows=rows)
