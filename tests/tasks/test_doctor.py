"""The doctor looks at this machine: it runs, and says what it found in words."""

import sys

import pytest

from src.tasks.doctor import MODEL_FILES, import_trouble, look

SUBJECTS = {"Python", "Packages", "torch and torchvision", "SciPy", "CLIP score", "Lightning"}


def test_every_subject_is_looked_at_and_said_in_a_sentence(tmp_path):
    findings = look(tmp_path)
    assert {finding.subject for finding in findings} > SUBJECTS
    for finding in findings:
        assert finding.says.endswith((".", "?")), finding
        assert finding.is_fine or finding.advice


def test_a_folder_that_takes_no_files_is_found(tmp_path):
    (tmp_path / "file").write_text("in the way")
    findings = {finding.subject: finding for finding in look(tmp_path / "file" / "runs")}
    assert not findings["Write access"].is_fine


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("raise RuntimeError('operator torchvision::nms does not exist')", "nms"),
        ("raise OSError('first line\\nlibfoo.so: cannot open')", "libfoo.so: cannot open"),
        ("x = 1", ""),
    ],
)
def test_a_package_that_fails_to_import_is_quoted_not_raised(tmp_path, monkeypatch, content, said):
    (tmp_path / "broken_package.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_package", raising=False)
    assert said in import_trouble("broken_package")
    assert bool(import_trouble("broken_package")) == bool(said)


def test_an_embedded_model_that_lacks_parts_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("src.tasks.doctor.ROOT", tmp_path)
    monkeypatch.setattr("src.tasks.doctor.EMBEDDED_MODEL", tmp_path / "model")
    (tmp_path / "requirements.txt").write_text("numpy==0.1\n")
    findings = {finding.subject: finding for finding in look(tmp_path)}
    assert all(name in findings["Embedded model"].says for name in MODEL_FILES)
    assert "instead of 0.1" in findings["Packages"].says
