"""The figures of a training: what it logged, and what its health monitor saw."""

from pathlib import Path
from typing import Any


def training_figures(run: Path, title: str) -> dict[str, Any]:
    """Figures by file name, of the logs of all pieces of a run; none where nothing was logged."""
    from src.report.curves import read_curves, training_curves
    from src.report.health_curves import health_figure
    from src.training.health_config import PREFIX

    curves = read_curves(sorted(run.glob("csv_from_*/metrics.csv")))
    own = {name: curve for name, curve in curves.items() if not name.startswith(PREFIX)}
    figures = {"curves.png": training_curves(own, title)} if own else {}
    if len(own) < len(curves):
        figures["health.png"] = health_figure(curves, title)
    return figures
