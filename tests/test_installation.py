"""The doctor's judgements, on machines that nobody has at hand."""

import pytest

from src import installation as judge


@pytest.mark.parametrize(
    ("torch", "torchvision", "trouble", "said"),
    [
        ("2.14.1", None, "", "torchvision is not installed"),
        (None, "0.29.1", "", "torch is not installed"),
        ("2.13.0", "0.29.1", "", "belongs to torch 2.14"),
        ("2.14.1+cpu", "0.29.1", "operator torchvision::nms does not exist", "different builds"),
        ("2.14.1", "0.29.1", "libpng16.so.16: cannot open shared object file", "libpng16"),
    ],
)
def test_a_torchvision_that_does_not_fit_is_named_with_its_cure(torch, torchvision, trouble, said):
    finding = judge.judge_torchvision(torch, torchvision, trouble)
    assert not finding.is_fine
    assert said in finding.says
    assert finding.advice


def test_a_pair_that_fits_is_fine():
    assert judge.judge_torchvision("2.14.1+cu130", "0.29.1+cu130").is_fine


@pytest.mark.parametrize(
    ("version", "is_fine"), [("1.17.1", True), ("1.18.0", False), ("1.20", False), (None, False)]
)
def test_scipy_from_1_18_breaks_clean_fid(version, is_fine):
    finding = judge.judge_scipy(version)
    assert finding.is_fine == is_fine
    assert is_fine or "scipy<1.18" in finding.advice


def test_torchmetrics_1_9_with_transformers_5_is_explained_and_works():
    finding = judge.judge_clip_score("5.23.0", "1.9.0")
    assert finding.is_fine
    assert "torchmetrics 1.9.0 given a model's name fails" in finding.says
    assert not judge.judge_clip_score("4.57.0", "1.9.0").is_fine


@pytest.mark.parametrize("version", ["2.6.2", "2.6.3"])
def test_releases_that_steal_credentials_are_named(version):
    assert "steals credentials" in judge.judge_lightning(version).says


def test_the_pinned_lightning_is_fine():
    assert judge.judge_lightning("2.6.6").is_fine


def test_packages_other_than_pinned_are_listed():
    pinned = {"torch": "2.14.1", "rich": "15.0.0", "numpy": "2.4.6"}
    finding = judge.judge_pins(pinned, {"torch": "2.14.1+cpu", "numpy": "2.5.0"})
    assert not finding.is_fine
    assert "not installed: rich" in finding.says
    assert "numpy 2.5.0 instead of 2.4.6" in finding.says
    assert "torch" not in finding.says  # a build tag is no other version


@pytest.mark.parametrize(
    ("build", "gpu", "has_driver", "is_fine"),
    [
        (None, None, False, True),
        (None, None, True, False),
        ("13.0", None, True, False),
        ("13.0", "NVIDIA H200", True, True),
    ],
)
def test_a_gpu_that_torch_does_not_see_is_no_fine_machine(build, gpu, has_driver, is_fine):
    assert judge.judge_accelerator(build, gpu, has_driver).is_fine == is_fine


def test_a_full_disk_and_a_closed_folder_are_told():
    assert not judge.judge_disk("here", 10**8).is_fine
    assert judge.judge_disk("here", 10**11).is_fine
    assert "closed" in judge.judge_folder("here", "here is closed.").says


def test_a_model_that_is_absent_offline_is_told_before_it_is_asked_for():
    absent = judge.judge_hub(True, "/cache", [], "amused/amused-256")
    assert not absent.is_fine
    assert "HF_HUB_OFFLINE" in absent.says
    assert judge.judge_hub(False, "/cache", [], "amused/amused-256").is_fine
    assert judge.judge_hub(True, "/cache", ["amused/amused-256"], "amused/amused-256").is_fine


def test_other_pythons_and_missing_files_and_compilers_are_told():
    assert judge.judge_python((3, 11, 7)).is_fine
    assert "3.13.0" in judge.judge_python((3, 13, 0)).says
    assert "vqvae" in judge.judge_model("model", ["vqvae"]).says
    assert not judge.judge_compiler(None).is_fine
