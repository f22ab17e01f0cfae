"""A reported figure and what the records hold of it, with all that makes the two different things.

A number made with other weights, another extractor or another device than the reported one has no
verdict: what differs is said instead.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from src.evaluation.measurement import Measurement
from src.experiments import CONF, read_header
from src.report.kept_records import records_of
from src.report.quality_protocol import HUB_IDS, differences, remarks
from src.report.record import Record
from src.report.reported import Reported, number

QUALITY = "quality against guidance"  # a section of the report
TIMED = ("report_latency", "bench_generate")  # whose records hold times of a picture


class Beside(NamedTuple):
    """One row."""

    figure: Reported
    ours: Measurement | None
    differs: list[str]  # in words; empty: the two are the same thing
    remark: str = ""  # what differs without a part in the number

    @property
    def difference(self) -> str:
        """Ours less theirs, with its share; "" where nothing was measured."""
        if self.ours is None:
            return ""
        gap = self.ours.value - self.figure.value
        sign = "+" if gap > 0 else ""
        share = f" ({100 * gap / self.figure.value:+.1f} %)" if gap else ""
        return f"{sign}{number(gap)}{share}"

    @property
    def verdict(self) -> str:
        """Within the tolerance or not; or what differs; or how to measure it."""
        figure = self.figure
        if self.ours is None and figure.experiment is None:
            return "not measured here; no experiment of this workspace measures it yet"
        if self.ours is None:
            return f"not measured here, run: `{command(figure)}`"
        if self.differs:
            return f"not the same thing: {'; '.join(self.differs)}"
        words = "within" if figure.is_within(self.ours.value) else "NOT within"
        tail = f"; {self.remark}" if self.remark else ""
        return f"{words} the tolerance ({figure.tolerance_text}){tail}"


def beside(figure: Reported, records: Mapping[str, Record]) -> Beside:
    """The records' number that answers to a figure, if there is one, and what differs in it.

    Of several records of one experiment the one counts in which the least differs.
    """
    find = {
        "report_parameters": _of_parameters,
        "report_latency": _of_latency,
        "bench_generate": _of_latency,
        "bench_recipes": _of_recipes,
        "report_quantized": _of_quantized,
    }.get(figure.experiment, _of_quality)
    names = TIMED if figure.experiment in TIMED else (figure.experiment,)
    found = [find(figure, record) for name in names for record in records_of(name, records)]
    answers = [row for row in found if row.ours is not None]
    return min(answers, key=lambda row: len(row.differs), default=Beside(figure, None, []))


def command(figure: Reported) -> str:
    """What to type to measure a figure, on a machine that can."""
    text = read_header(CONF / "exp" / f"{figure.experiment}.yaml").command
    conditions = figure.conditions
    if figure.section == QUALITY:
        text += f" protocol.captions={conditions['captions']}"
    if figure.experiment in TIMED:
        steps = f"sampler.num_steps={conditions['steps']}"
        text += f" model={HUB_IDS[conditions['model']]} device=cuda dtype=float16 {steps}"
    if figure.experiment == "bench_generate":
        text += f" latency.batch_sizes=[{conditions['batch']}]"
    return f"{text} save_record=true"


def _of_parameters(figure: Reported, record: Record) -> Beside:
    part, precision = figure.conditions["part"], figure.conditions.get("precision")
    name = f"{part}, MB in {precision}" if precision else f"{part}, parameters"
    return Beside(figure, _found(record, name, figure.conditions["model"]), [])


def _of_recipes(figure: Reported, record: Record) -> Beside:
    ours = _found(record, "peak memory, GB, batch 1", figure.conditions["recipe"])
    return Beside(figure, ours, [], "on random weights, which take the same memory")


def _of_quantized(figure: Reported, record: Record) -> Beside:
    name = "weights without the image encoder, MB"
    ours = _found(record, name, figure.conditions["precision"])
    return Beside(figure, ours, ["of which model, and whether of weights alone, is not reported"])


def _of_latency(figure: Reported, record: Record) -> Beside:
    conditions, batch = figure.conditions, figure.conditions["batch"]
    ours = _found(record, "seconds", f"ours, batch {batch}")
    if ours is None and batch == 1:  # of report_latency
        ours = _found(record, "seconds a picture", "ours")
    pixels = conditions["pixels"]
    if ours is None or f"{pixels} x {pixels} pixels" not in ours.note:
        return Beside(figure, None, [])
    if record.settings.get("sampler.num_steps") != conditions["steps"]:
        return Beside(figure, None, [])
    differs = []
    if conditions["device"].removeprefix("RTX ") not in record.device:
        differs.append(f"on {record.device} instead of an {conditions['device']}")
    dtype = record.settings.get("dtype")
    if dtype != conditions["precision"]:
        differs.append(f"{dtype} instead of {conditions['precision']}")
    if record.settings.get("model") != HUB_IDS[conditions["model"]]:
        kind = "random weights" if ours.note.startswith("random weights") else "other weights"
        differs.append(f"{kind} instead of the published ones")
    return Beside(figure, ours, differs)


def _of_quality(figure: Reported, record: Record) -> Beside:
    """FID, CLIP score or Inception score, at the figure's guidance."""
    start = {"FID": r"(FID|FD)\[", "CLIP score": r"CLIP logits\["}
    pattern = re.compile(start.get(figure.quantity, r"Inception score"))
    subject = f"guidance {figure.conditions['guidance']:g}"
    own = [each for each in record.measurements if each.subject == subject]
    ours = next((each for each in own if pattern.match(each.name)), None)
    if ours is None:
        return Beside(figure, None, [])
    remark = "; ".join(remarks(figure, ours, record))
    return Beside(figure, ours, differences(figure, ours, record), remark)


def _found(record: Record, name: str, subject: str) -> Measurement | None:
    same = (each for each in record.measurements if (each.name, each.subject) == (name, subject))
    return next(same, None)
