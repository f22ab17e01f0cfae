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
    "protocol.captions": "first",
    "protocol.prompts_file": None,
}
INCEPTION = "6726825d0e5f"  # as the published weights' hash begins


def distance(
    name: str, value: float = 39.5, num: int = 10_000, real: int = 5000, weights: str = INCEPTION
) -> Measurement:
    return Measurement(
        name,
        value,
        num,
        num_reference=real,
        subject="guidance 4",
        is_higher_better=False,
        weights_hash=weights,
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
    assert row.verdict == f"{word} the tolerance (3 %); how theirs were made is inferred"


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
        (distance("FD[inception]", weights="a"), {}, "weights a under the name inception instead"),
        (distance("FD[inception]", weights=""), {}, "weights unknown under the name inception"),
        (distance("FD[inception]"), {"adapter": "lora"}, "with the adapter lora"),
        (distance("FD[inception]"), {"guidance_against": "micro_cond"}, "instead of prompt"),
        (distance("FD[inception]"), {"micro_cond__aesthetic_score": 2.0}, "=2.0 instead of 6.0"),
        *(
            (
                distance("FD[inception]"),
                {f"sampler__{key}": value},
                f"sampler.{key}={value} instead",
            )
            for key, value in {
                "name": "halton",
                "schedule": "linear",
                "choice_temperature_start": 9.0,
                "choice_temperature_end": 1.0,
                "sampling_temperature": 0.5,
                "guidance": "cosine",
                "guidance_scales": [3.0] * 12,
                "then": "halton",
            }.items()
        ),
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


@pytest.mark.parametrize("schedule", [None, "cosine"])
def test_the_checkpoints_own_schedule_is_the_authors(schedule):
    measured = of_quality(distance("FD[inception]"), sampler__schedule=schedule)
    assert beside(FID, {"report_quality_256": measured}).differs == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dtype": "float32"}, "(3 %); float32 instead of float16; how theirs"),
        (
            {"protocol__captions": "drawn"},
            "(3 %); captions drawn anew; the published run took first captions; how theirs",
        ),
        (
            {"protocol__captions": "drawn", "protocol__prompts_file": "x.jsonl"},
            "(3 %); prompts of the authors' later harness; the published run took first captions",
        ),
    ],
)
def test_captions_and_precision_of_another_kind_are_remarked(changes, said):
    measured = of_quality(distance("FD[inception]"), **changes)
    assert said in beside(FID, {"report_quality_256": measured}).verdict


def test_the_command_of_a_quality_figure_takes_the_captions_that_the_published_run_took():
    assert "protocol.captions=first" in command(FID)


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


def test_the_best_of_several_records_answers():
    there = timed("the checkpoint's weights", "NVIDIA A100-SXM4", model="amused/amused-256")
    records = {
        "report_latency": timed("random weights", "cpu, 2 threads", model="amused_256"),
        "report_latency/there": there,
        "report_latency/twenty": timed(
            "random weights", "cpu", model="amused_256", **{"sampler.num_steps": 20}
        ),
    }
    assert beside(TIME, records).verdict == "within the tolerance (10 %)"
    of_20 = figure("time", model="amused_256", steps=20, device="A100")
    assert "random weights" in beside(of_20, records).verdict


def test_memory_on_random_weights_is_remarked_and_compared():
    of_lora = figure("peak memory", recipe="finetune_256_lora")
    measured = Measurement("peak memory, GB, batch 1", 6.0, 3, subject="finetune_256_lora")
    row = beside(of_lora, {"bench_recipes": record([measured])})
    assert row.verdict.startswith("within the tolerance (10 %); on random weights")


def test_every_command_composes():
    from src.compose import composed

    for each in sorted({command(each) for each in reported() if each.experiment}):
        words = each.split()
        assert words[:3] == ["python", "-m", "src.run"]
        composed(words[3:])


def test_a_batch_is_answered_by_the_whole_pipelines_record_alone():
    eight = figure("time", model="amused_256", steps=12, device="A100", batch=8)
    note = "the checkpoint's weights, float16, batch 8, 12 steps, guidance 10, 256 x 256 pixels"
    measured = [
        Measurement("seconds", value, 5, subject=f"ours, batch {size}", note=note)
        for size, value in ((1, 0.46), (8, 0.61))
    ]
    settings = {"sampler.num_steps": 12, "dtype": "float16", "model": "amused/amused-256"}
    whole = {"bench_generate": record(measured, "NVIDIA A100-SXM4", **settings)}
    assert beside(eight, whole).ours.value == 0.61
    assert beside(eight, whole).verdict == "within the tolerance (10 %)"
    assert beside(TIME, whole).ours.value == 0.46
    one = {"report_latency": timed("the checkpoint's weights", "NVIDIA A100-SXM4")}
    assert beside(eight, one).ours is None
    assert "+exp=bench_generate" in beside(eight, {}).verdict
    assert "latency.batch_sizes=[8]" in beside(eight, {}).verdict
