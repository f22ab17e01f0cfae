"""Prompts come out of every published layout as they were meant; a bad line is told by number."""

import json

import pytest

from src.data.prompt_sets import Prompt, read_prompt_set
from src.errors import UserError

PARTI = """Prompt\tCategory\tChallenge\tNote
bond\tAbstract\tBasic\tBiology-inspired concepts with multiple meanings
"G I G G L E" painted in thick colorful lettering as graffiti on a faded red brick wall with a \
splotch of exploding white paint.\tWorld Knowledge\tWriting & Symbols\t
a sign that says "Deep Learning"\tWorld Knowledge\tWriting & Symbols\t
"a cat" and a 12" pizza\tFood & Beverage\tQuantity\ta mark that closes nowhere: "
"""
GENEVAL = [
    {"tag": "single_object", "include": [{"class": "bench", "count": 1}], "prompt": "a bench"},
    {"tag": "color_attr", "include": [], "prompt": "a red cup and a blue bowl"},
]


@pytest.fixture
def written(tmp_path):
    def write(name: str, content: str | bytes):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_parti_prompts_are_a_table_with_categories(written):
    found = read_prompt_set(written("PartiPrompts.tsv", PARTI))
    assert [each.group for each in found] == [
        "Abstract",
        "World Knowledge",
        "World Knowledge",
        "Food & Beverage",
    ]


def test_quotation_marks_of_a_tab_separated_table_belong_to_its_prompts(written):
    _, giggle, sign, pizza = read_prompt_set(written("PartiPrompts.tsv", PARTI))
    assert giggle.text.startswith('"G I G G L E" painted in thick colorful lettering')
    assert sign.text == 'a sign that says "Deep Learning"'
    assert pizza.text == '"a cat" and a 12" pizza'


def test_a_prompt_of_ten_thousand_letters_is_one(written):
    long = "a cat " * 1666 + "here"
    for name, content in (("p.txt", f"{long}\n"), ("p.tsv", f"Prompt\n{long}\n")):
        assert [each.text for each in read_prompt_set(written(name, content))] == [long]


def test_geneval_is_an_object_a_line_with_tags(written):
    lines = "\n".join(json.dumps(row) for row in GENEVAL) + "\n"
    assert read_prompt_set(written("evaluation_metadata.jsonl", lines)) == [
        Prompt("a bench", "single_object"),
        Prompt("a red cup and a blue bowl", "color_attr"),
    ]


def test_the_authors_texts_stay_as_they_are(written):
    texts = ["A cat. ", "Small chairs in a kitchen.\n", "an open door\u2028and a sign"]
    lines = "\n".join(json.dumps(text, ensure_ascii=False) for text in texts)
    assert [each.text for each in read_prompt_set(written("p.jsonl", lines))] == texts


def test_a_csv_may_name_its_column_caption_and_quote_commas(written):
    path = written("p.csv", 'number,Caption\r\n1,"a cat, a dog"\r\n\r\n2,a hen\r\n')
    assert [each.text for each in read_prompt_set(path)] == ["a cat, a dog", "a hen"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.jsonl", '"a"\n{"prompt": 3}\n\n{"tag": "x"}\n[1]\n"b\n', "line 2 has 3 for a prompt"),
        ("p.jsonl", '"a"\n{"prompt": 3}\n\n{"tag": "x"}\n[1]\n"b\n', "line 4 has none of prompt"),
        ("p.jsonl", '"a"\n{"prompt": 3}\n\n{"tag": "x"}\n[1]\n"b\n', "line 5 is neither a text"),
        ("p.jsonl", '"a"\n{"prompt": 3}\n\n{"tag": "x"}\n[1]\n"b\n', "line 6 is no JSON"),
        ("p.jsonl", '"a"\n" "\n', "line 2 has an empty prompt"),
        ("p.jsonl", '"\\ud800"\n', "line 1 has .* not text in UTF-8"),
        ("p.jsonl", "x\n" * 9, "line 5 is no JSON; and 4 more lines"),
        ("p.jsonl", "\n", "has no prompts"),
        ("p.tsv", "Prompt\tNote\nbond\n", "line 2 has 1 columns, and the first line 2"),
        ("p.csv", 'Prompt,Note\n"a\nb",x\n,x\n', "line 4 has an empty prompt"),
        ("p.tsv", 'Prompt\tNote\n"a\tx\n\tx\n', "line 3 has an empty prompt"),
        ("p.txt", b"a cat\n\xff\xfe", r"is not text in UTF-8 \(byte 6\)"),
        ("p.tsv", b"Prompt\nna\xefve\n", r"is not text in UTF-8 \(byte 9\)"),
        ("p.tsv", "Words\tNote\nbond\tx\n", "no column named prompt or caption or text"),
        ("p.csv", "", "no column named"),
        ("p.csv", "prompt\n", "has no prompts"),
        ("p.csv", f"prompt\na\n{'b' * 200_000}\n", "cannot be read from line 3 on"),
    ],
)
def test_bad_lines_are_told_by_number(written, name, content, said):
    path = written(name, content)
    with pytest.raises(UserError, match=said) as refusal:
        read_prompt_set(path)
    assert str(refusal.value).startswith(f"prompts_file={path}")
    assert str(refusal.value).count("\n") == 0
