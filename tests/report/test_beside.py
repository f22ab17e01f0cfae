"""A number stands beside a reported one only as what it is."""

import pytest

from src.evaluation.measurement import Measurement
from src.report.beside import beside, command
from src.report.record import Record
from src.report.reported import Reported, reported


def record(measurements: list[Measurement], device: str = "cpu, 2 threads", **settings) -> Record:
    return Record(
        name="x",
        command="python -m src.run +exp=x",
        measurements=measurements,
        config_difference={},
        config_hash="",
        settings=settings,
        weights={},
        data_hash="",
        seeds={},
        device=device,
        seconds=1.0,
        code={},
        code_used={},
    )


def figure(quantity: str, **conditions) -> Reported:
    same = (
        each
        for each in reported()
        if each.quantity == quantity
        and conditions.items() <= each.conditions.items()
        and each.experiment
    )
    return next(same)


FID = figure("FID", model="amused_256", guidance=4)
CLIP = figure("CLIP score", model="amused_256", guidance=4)
TIME = figure("time", model="amused_256", steps=12, device="A100")
AUTHORS = {
    "model": "amused_256",
    "sampler.num_steps": 12,
    "dtype": "float16",
    "protocol.prompts_file": "x",
}


def distance(name: str, value: float = 39.5, num: int = 10_000, real: int = 5000) -> Measurement:
    return Measurement(
        name, value, num, num_reference=real, subject="guidance 4", is_higher_better=False
    )


def of_quality(measured: Measurement, **changes) -> Record:
    settings = AUTHORS | {key.replace("__", "."): value for key, value in changes.items()}
    return record([measured], **settings)


def test_without_a_record_the_command_stands_there():
    row = beside(FID, {})
    assert row.ours is None
    assert row.verdict.startswith("not measured here, run: `python -m src.run +exp=report_quality")
    assert row.difference == ""


@pytest.mark.parametrize(("value", "word"), [(39.5, "within"), (45.0, "NOT within")])
def test_the_same_protocol_gets_a_verdict(value, word):
    row = beside(FID, {"report_quality_256": of_quality(distance("FD[inception]", value))})
    assert row.differs == []
    assert row.verdict == f"{word} the tolerance (3 %)"


def test_the_difference_is_ours_less_theirs():
    row = beside(FID, {"report_quality_256": of_quality(distance("FID[inception]", 40.29915))})
    assert row.difference == "+1 (+2.5 %)"


@pytest.mark.parametrize(
    ("measured", "changes", "said"),
    [
        (distance("FD[glyph-clip]"), {}, "in the eyes of glyph-clip instead of inception"),
        (distance("FD[inception_clean]"), {}, "in the eyes of inception_clean instead"),
        (distance("FD[inception]", num=200), {}, "200 pictures instead of 10,000"),
        (distance("FD[inception]", real=100), {}, "100 real pictures instead of 5,000"),
        (distance("FD[inception]"), {"model": "embedded"}, "model embedded instead of"),
        (distance("FD[inception]"), {"sampler__num_steps": 8}, "8 steps instead of 12"),
    ],
)
def test_another_protocol_has_no_verdict_but_what_differs(measured, changes, said):
    row = beside(FID, {"report_quality_256": of_quality(measured, **changes)})
    assert said in row.verdict
    assert row.verdict.startswith("not the same thing: ")
    assert "within" not in row.verdict


def test_a_clip_of_another_name_is_another_judge():
    other = Measurement("CLIP logits[glyph-clip]", 26.0, 10_000, subject="guidance 4")
    same = Measurement("CLIP logits[clip-vit-large-patch14]", 26.0, 10_000, subject="guidance 4")
    assert beside(CLIP, {"report_quality_256": of_quality(other)}).differs
    assert not beside(CLIP, {"report_quality_256": of_quality(same)}).differs


def test_captions_and_precision_of_another_kind_are_remarked():
    measured = of_quality(distance("FD[inception]"), dtype="float32", protocol__prompts_file=None)
    assert beside(FID, {"report_quality_256": measured}).verdict.endswith(
        "; float32 instead of float16; captions drawn anew"
    )


def timed(weights: str, device: str, **settings) -> Record:
    note = f"{weights}, float16, batch 1, 12 steps, guidance 10, 256 x 256 pixels"
    measured = Measurement("seconds a picture", 0.45, 5, subject="ours", note=note)
    settings = {"sampler.num_steps": 12, "dtype": "float16"} | settings
    return record([measured], device, **settings)


def test_a_time_on_random_weights_and_a_processor_says_so():
    ours = timed("random weights", "cpu, 2 threads", model="amused_256")
    verdict = beside(TIME, {"report_latency": ours}).verdict
    assert "on cpu, 2 threads instead of an A100" in verdict
    assert "random weights instead of the published ones" in verdict
    assert "within" not in verdict


def test_a_time_of_the_published_weights_on_that_gpu_is_compared():
    ours = timed("the checkpoint's weights", "NVIDIA A100-SXM4", model="amused/amused-256")
    assert beside(TIME, {"report_latency": ours}).verdict == "within the tolerance (10 %)"


def test_a_time_of_other_steps_or_pixels_answers_to_nothing():
    of_512 = figure("time", model="amused_512", steps=12, device="A100")
    of_20 = figure("time", model="amused_256", steps=20, device="A100")
    ours = {"report_latency": timed("random weights", "cpu", model="amused_256")}
    assert beside(of_512, ours).ours is None
    assert beside(of_20, ours).ours is None


def test_memory_on_random_weights_is_remarked_and_compared():
    of_lora = figure("peak memory", recipe="finetune_256_lora")
    measured = Measurement("peak memory, GB, batch 1", 6.0, 3, subject="finetune_256_lora")
    row = beside(of_lora, {"bench_recipes": record([measured])})
    assert row.verdict.startswith("within the tolerance (10 %); on random weights")


def test_every_command_composes():
    from src.compose import composed

    for each in reported():
        if each.experiment:
            words = command(each).split()
            assert words[:3] == ["python", "-m", "src.run"]
            composed(words[3:])
