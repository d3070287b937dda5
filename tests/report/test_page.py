from dataclasses import replace
from html.parser import HTMLParser

import pytest

from vggjax.report.page import Link, Page, Section, Table, as_html, as_markdown, write_page
from vggjax.report.result_tables import (
    few_shot_table,
    filters_table,
    maps_table,
    pooled_table,
    table_two,
    temperature_table,
)

SECTION = Section(
    title="a head",
    rows="C1, C2",
    text="It rises.",
    table=Table(("n", "ours", "report"), (("2", "0.4", "0.45"), ("4", "0.5", "about 0.59"))),
    figures=(Link("caltech/a b.png", "accuracy"),),
    files=(Link("caltech/result.json", "result.json"),),
    command="python experiments/caltech.py --samples 2 4",
    remark="demo, demo weights; took 3 s",
    demo=True,
)


def page(section):
    return Page("Results", ("First line.",), (section,))


class Reader(HTMLParser):
    """Checks that tags nest, and collects links and texts."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.texts = [], [], []

    def handle_starttag(self, tag, attributes):
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read_html(page):
    reader = Reader()
    reader.feed(as_html(page))
    assert reader.open == []
    return reader


def test_markdown_has_all_of_a_section():
    lines = as_markdown(page(SECTION)).splitlines()
    for line in (
        *("# Results", "First line.", "## C1, C2: a head", "It rises."),
        *("| n | ours | report |", "| ---: | ---: | --- |", "| 4 | 0.5 | about 0.59 |"),
        "![accuracy](caltech/a%20b.png)",
        "    python experiments/caltech.py --samples 2 4",
        "**DEMO** demo, demo weights; took 3 s",
        "[result.json](caltech/result.json)",
    ):
        assert line in lines


def test_html_has_all_of_a_section():
    reader = read_html(page(SECTION))
    assert reader.links == ["#section0", "caltech/a%20b.png", "caltech/result.json"]
    for text in ("Results", "C1, C2: a head", "about 0.59", "DEMO", SECTION.command):
        assert text in reader.texts


def test_nothing_is_shown_of_what_is_not_there():
    bare = page(Section("a head", "C1", "It rises."))
    assert as_markdown(bare).split("\n\n")[-2:] == ["## C1: a head", "It rises.\n"]
    assert not {"pre", "img", "table"} & {word for word in as_html(bare).split("<") if word}
    assert "DEMO" not in as_html(bare)


@pytest.mark.parametrize("field", ["title", "rows", "text", "command", "remark", "error"])
def test_html_is_escaped(field):
    text = '<script>alert("x")</script> & more'
    reader = read_html(page(replace(SECTION, **{field: text})))
    assert "<script>" not in as_html(page(replace(SECTION, **{field: text})))
    assert any(text in found for found in reader.texts)


def test_html_links_cells_and_titles_are_escaped():
    bad = '"><b>'
    section = replace(
        SECTION, table=Table((bad,), ((bad,),)), figures=(Link(bad, bad),), files=(Link(bad, bad),)
    )
    text = as_html(Page(bad, (bad,), (section,)))
    assert "<b>" not in text
    assert '""' not in text


def test_markdown_is_escaped():
    bad = "a|b <i> `c` [d]\n# e"
    text = as_markdown(page(replace(SECTION, error=bad, table=Table((bad, "n"), ((bad, "1"),)))))
    plain = r"a\|b \<i\> \`c\` \[d\] # e"
    assert f"**Failed:** {plain}" in text
    assert f"| {plain} | 1 |" in text


def test_both_pages_are_written(tmp_path):
    write_page(page(SECTION), tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"report.md", "report.html"}


def test_few_shot_table_is_a_mean_over_seeds():
    own = {"val_accuracy": 0.5, "test_loss": 1.0, "epochs": 20, "trainable_parameters": 1048832}
    runs = [own | {"samples": n, "seed": s, "test_accuracy": n / 10 + s / 5}
            for s in (0, 1) for n in (4, 2)]  # fmt: skip
    table = few_shot_table({"runs": runs}, {2: 0.4518})
    assert table.rows == (
        ("2", "0.3000 ± 0.1414", "0.4518", "0.5000", "1.0000", "20", "1,048,832"),
        ("4", "0.5000 ± 0.1414", "-", "0.5000", "1.0000", "20", "1,048,832"),
    )


def test_layer_tables_have_the_report_s_lines():
    measured = dict.fromkeys(("train_accuracy", "train_loss", "test_accuracy", "test_loss"), 0.5)
    run = measured | {"layer": "block5_conv3", "learning_rate": 0.25, "trainable_parameters": 9}
    recipes = ("report's recipe", "standardised features")
    runs = [run | {"recipe": recipe} for recipe in recipes]
    ours = [("block5_conv3", f"ours, {recipe}", "0.25", *["0.5000"] * 4, "9") for recipe in recipes]
    report, *rest = table_two({"runs": runs}).rows
    assert report[2:] == ("1e-05", "0.0132", "15.9056", "0.0107", "15.9429", "25,690,368")
    assert rest == ours
    report, *rest = pooled_table({"runs": runs}).rows
    assert "about 0.28" in report
    assert rest == ours


def test_other_tables():
    run = {"train_accuracy": 1, "val_accuracy": 0, "test_loss": 2, "epochs": 15}
    runs = [run | {"temperature": t, "test_accuracy": 1 / t} for t in (2.0, 1.0)]
    table = temperature_table({"runs": runs})
    assert [row[:3] for row in table.rows] == [
        ("1", "1.0000", "0.51 (best)"),
        ("2", "0.5000", "lower"),
    ]
    shown = {"block1_conv1": {"maps": [3, 1], "size": [32, 32]}}
    assert maps_table({"layers": shown}).rows == (("block1_conv1", "32 x 32", "3, 1"),)
    entry = {"filter": 7, "status": "alive", "first_loss": 0.5, "last_loss": 20.0}
    content = {"statuses": {"alive": 2, "dead": 1}, "filters": [entry, entry | {"filter": 8}]}
    assert filters_table(content, top=1).rows == (
        ("all", "2 alive, 1 dead", "", ""),
        ("7", "alive", "0.5", "20"),
    )
