"""A record of something else does not take the place of one that is there."""

import json
from dataclasses import asdict

import pytest

from src.report.kept_records import keep_beside, key_of, read_kept
from src.report.record import Record, write_record
from tests.report.test_beside import timed

CPU = "cpu, 2 threads"
LAST = "report_latency"


def put(folder, new: Record) -> None:
    keep_beside(folder, new)
    write_record(new, folder)


def of(steps: int = 12, device: str = CPU, model: str = "amused_256", date: str = "") -> Record:
    made = timed("random weights", device, model=model, **{"sampler.num_steps": steps})
    made.recorded = date
    return made


def test_other_steps_devices_and_models_stand_beside_each_other(tmp_path):
    made = [of(), of(20), of(device="NVIDIA A100"), of(model="amused/amused-512")]
    for each in made:
        put(tmp_path / LAST, each)
    found = read_kept(tmp_path, LAST)
    assert {key_of(each) for each in found.values()} == {key_of(each) for each in made}
    assert found[LAST] == made[-1]
    assert set(found) == {LAST, *(f"{LAST}/{key_of(each)}" for each in made[:-1])}


def test_measured_again_it_takes_the_place_of_its_own_kind_alone(tmp_path):
    for each in (of(date="1"), of(20, date="2"), of(date="3")):
        put(tmp_path / LAST, each)
    assert {each.recorded for each in read_kept(tmp_path, LAST).values()} == {"2", "3"}
    put(tmp_path / LAST, of(20, date="4"))
    assert {each.recorded for each in read_kept(tmp_path, LAST).values()} == {"3", "4"}


@pytest.mark.parametrize("model", ["amused_256", "amused/amused-256", "/some where/a [b]"])
def test_a_key_may_be_a_files_name(model):
    assert set(key_of(of(model=model))) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")


def test_without_a_record_there_is_none(tmp_path):
    assert read_kept(tmp_path, LAST) == {}
    (tmp_path / LAST).mkdir()
    (tmp_path / LAST / "record.json").write_text(json.dumps(asdict(of())))
    assert list(read_kept(tmp_path, LAST)) == [LAST]
