"""A service that fails ends its log with a warning; the training and its own files go on."""

import logging
import sys
from dataclasses import replace

import pytest
from lightning.pytorch.loggers import CSVLogger

from src.compose import composed
from src.errors import UserError
from src.report.curves import read_curves
from src.training import fit as fit_file
from src.training.config import LoggerConfig
from src.training.fit import fit
from src.training.loggers import Forgiving, loggers, quieten_lightning
from tests.training.test_fit import vqgan_run


def test_lightning_says_everything_once_and_advertises_nothing(monkeypatch, caplog, capfd):
    rank_zero_info = pytest.importorskip("lightning.pytorch.utilities.rank_zero").rank_zero_info
    monkeypatch.setattr(logging.root, "handlers", [caplog.handler])  # not those of other tests
    for name in ("lightning", "lightning.pytorch"):  # as when imported before there is any log
        own = logging.getLogger(name)
        monkeypatch.setattr(own, "handlers", [logging.StreamHandler(sys.stderr)])
        monkeypatch.setattr(own, "propagate", name == "lightning")
    with caplog.at_level(logging.INFO):
        quieten_lightning()
        quieten_lightning()
        rank_zero_info("try installing [litlogger](https://pypi.org/project/litlogger/)")
        rank_zero_info("GPU available: False")
    assert [record.getMessage() for record in caplog.records] == ["GPU available: False"]
    assert "GPU" not in capfd.readouterr().err


class FailsAt(CSVLogger):
    """A service that is gone after so many calls."""

    def __init__(self, folder, number):
        super().__init__(folder)
        self.number = number

    def log_metrics(self, metrics, step=None):
        self.number -= 1
        if self.number < 0:
            raise ConnectionError("503")


@pytest.mark.parametrize("number", [0, 2])
def test_a_training_goes_on_without_a_service_that_fails(
    number, world, parts, config, tmp_path, monkeypatch
):
    def with_service(folder, first_step, _config):
        service = Forgiving(lambda: FailsAt(tmp_path / "service", number), "wandb")
        return [*loggers(folder, first_step, LoggerConfig()), service]

    monkeypatch.setattr(fit_file, "loggers", with_service)
    module, batches = vqgan_run(world, parts, config)
    with pytest.warns(UserWarning, match="wandb is given up: 503"):
        assert fit(module, batches, replace(config, max_steps=4), tmp_path / "run") == 4
    (csv,) = (tmp_path / "run").glob("csv_from_*/metrics.csv")
    assert len(read_curves([csv])["loss"].steps) == 4


def test_a_service_that_cannot_be_reached_is_given_up_at_once():
    def refused():
        raise ConnectionError("no route")

    with pytest.warns(UserWarning, match="mlflow is given up: no route"):
        logger = Forgiving(refused, "mlflow")
    logger.log_metrics({"loss": 1.0}, 0)
    logger.finalize("success")


@pytest.mark.parametrize("service", ["wandb", "mlflow"])
def test_a_service_whose_package_is_missing_is_named(service, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, service, None)
    with pytest.raises(
        UserError, match=rf"training/logger={service} needs .* pip install {service}"
    ):
        loggers(tmp_path, 0, LoggerConfig(service=service))


def test_a_service_is_chosen_as_a_group_and_only_where_one_is_told():
    run = ["+exp=finetune_256_lora", "data.path=a", "training/logger=wandb"]
    assert composed(run).config.training.logger == LoggerConfig(service="wandb")
    with pytest.raises(UserError, match=r"training/logger=web is unknown; .*wandb"):
        composed([*run[:2], "training/logger=web"])
    with pytest.raises(UserError, match="'training/logger=wandb' has no effect"):
        composed(["+exp=evaluate", "training/logger=wandb"])
