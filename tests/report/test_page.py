from dataclasses import replace
from html.parser import HTMLParser

import pytest

from vggjax.report import Table
from vggjax.report.page import Link, Page, Section, as_html, as_markdown, write_page

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
    image = ["caltech/a%20b.png"] * 2  # it opens on a click
    assert reader.links == [*image, "caltech/result.json"]
    for text in ("Results", "C1, C2: a head", "about 0.59", "DEMO", f"{SECTION.command}\n"):
        assert text in reader.texts
    page_text = as_html(page(SECTION))
    assert 'loading="lazy"' in page_text
    assert '<div class="wide"><table>' in page_text


def test_an_overview_comes_before_the_sections():
    whole = replace(page(SECTION), overview=Table(("row", "ours"), (("C1", "0.5"),)))
    text = as_markdown(whole)
    assert text.index("| C1 | 0.5 |") < text.index("## C1, C2")


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
    assert f"> **Failed:** {plain}" in text
    assert f"| {plain} | 1 |" in text


def test_both_pages_are_written(tmp_path):
    write_page(page(SECTION), tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"report.md", "report.html"}
