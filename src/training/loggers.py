"""Where a training's numbers go: TensorBoard and CSV files always, a service if one is asked for.

A service may be down or full. That ends its log, with a warning, and never a training.
"""

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from src.errors import UserError
from src.training.config import LoggerConfig


def quieten_lightning() -> None:
    """Let Lightning say what it has to say once, and advertise nothing.

    Where a run keeps its own log (Hydra's), Lightning's handlers would print every line again, or
    keep it from that log: its loggers add them when they are imported before there is one.
    """
    if logging.root.handlers:
        for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
            logging.getLogger(name).handlers.clear()
            logging.getLogger(name).propagate = True
    speaker = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    if _is_no_advertisement not in speaker.filters:
        speaker.addFilter(_is_no_advertisement)


def _is_no_advertisement(record: logging.LogRecord) -> bool:
    return not any(name in record.getMessage() for name in ("litlogger", "litmodels"))


class Forgiving(Logger):
    """Another logger, given up at its first failure."""

    def __init__(self, make: Callable[[], Logger], service: str):
        super().__init__()
        self.service = service
        self.inner: Logger | None = None
        self.inner = self._tried(make)

    @property
    def name(self) -> str:
        return self.service

    @property
    def version(self) -> str:
        return ""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self._told("log_metrics", metrics, step)

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        self._told("log_hyperparams", *args, **kwargs)

    def save(self) -> None:
        self._told("save")

    def finalize(self, status: str) -> None:
        self._told("finalize", status)

    def _told(self, what: str, *args: Any, **kwargs: Any) -> None:
        if self.inner is not None:
            self._tried(lambda: getattr(self.inner, what)(*args, **kwargs))

    def _tried(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:  # whatever a service raises, training goes on
            warnings.warn(f"{self.service} is given up: {error}", stacklevel=2)
            self.inner = None


def loggers(folder: Path, first_step: int, config: LoggerConfig) -> list[Logger]:
    """The loggers of one piece of a run that begins at `first_step`.

    Raises UserError for a service whose package is not installed.
    """
    files: list[Logger] = [
        TensorBoardLogger(folder, name="", version="tensorboard"),
        CSVLogger(folder, name="", version=f"csv_from_{first_step:08d}"),
    ]
    if config.service is None:
        return files
    return [*files, Forgiving(_service(config, folder), config.service)]


def _service(config: LoggerConfig, folder: Path) -> Callable[[], Logger]:
    try:
        if config.service == "wandb":
            import wandb  # noqa: F401
            from lightning.pytorch.loggers import WandbLogger

            return lambda: WandbLogger(project=config.project, name=folder.name, save_dir=folder)
        import mlflow  # noqa: F401
        from lightning.pytorch.loggers import MLFlowLogger

        return lambda: MLFlowLogger(experiment_name=config.project, run_name=folder.name)
    except ModuleNotFoundError as error:
        raise UserError(
            f"training/logger={config.service} needs a package that is not installed "
            f"({error.name}): pip install {config.service}, or leave it out."
        ) from error
