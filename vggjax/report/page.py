"""A page of results: sections with a table, figures and the command, as Markdown and as HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from vggjax.files import atomic_file

STYLE = """\
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 sans-serif; }
h2 { margin-top: 3rem; border-top: 1px solid #ccc; padding-top: 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ddd; padding: .2rem .7rem; text-align: left; }
.number { text-align: right; }
figure { margin: 1.5rem 0; } img { max-width: 100%; } figcaption, .small { color: #555; }
pre { background: #f4f4f4; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.demo { background: #fff3cd; padding: .1rem .5rem; } .error { background: #f8d7da; padding: .5rem; }
"""


@dataclass(frozen=True)
class Table:
    """Cells as text; every row is as long as the header."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def numbers(self) -> tuple[bool, ...]:
        """Which columns hold numbers, to be set right: those with a digit first or nothing."""
        columns = zip(*self.rows, strict=True)
        return tuple(all(c in ("", "-") or c[0].isdigit() for c in column) for column in columns)


@dataclass(frozen=True)
class Link:
    """A file, by its path relative to the page with `/` between, and what to call it."""

    path: str
    text: str


@dataclass(frozen=True)
class Section:
    """One experiment: `rows` are the report's (such as "C1, C2"), `text` says what to look for.

    `error` is the sentence it failed with, `remark` what it ran on and how long, `demo` whether on
    demo data or weights. All are plain text.
    """

    title: str
    rows: str
    text: str
    table: Table | None = None
    figures: tuple[Link, ...] = ()
    files: tuple[Link, ...] = ()
    command: str = ""
    remark: str = ""
    error: str = ""
    demo: bool = False

    @property
    def heading(self) -> str:
        """The title behind the report's rows."""
        return f"{self.rows}: {self.title}"


@dataclass(frozen=True)
class Page:
    """A title, some lines of introduction, and the sections."""

    title: str
    lines: tuple[str, ...]
    sections: tuple[Section, ...]


def write_page(page: Page, folder: Path) -> None:
    """Write `report.md` and `report.html` into `folder`, atomically."""
    for name, text in (("report.md", as_markdown(page)), ("report.html", as_html(page))):
        with atomic_file(folder / name) as path:
            path.write_text(text, encoding="utf-8")


def as_markdown(page: Page) -> str:
    """The page as Markdown with GitHub's tables."""
    blocks = [f"# {_plain(page.title)}", *map(_plain, page.lines)]
    for section in page.sections:
        blocks += _markdown_section(section)
    return "\n\n".join(blocks) + "\n"


def as_html(page: Page) -> str:
    """The page as one HTML document; its figures and files are relative links."""
    title = escape(page.title)
    contents = "".join(
        f'<li><a href="#section{number}">{escape(section.heading)}</a></li>'
        for number, section in enumerate(page.sections)
    )
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>",
            f"<h1>{title}</h1>",
            *(f"<p>{escape(line)}</p>" for line in page.lines),
            f"<ul>{contents}</ul>",
            *(_html_section(section, number) for number, section in enumerate(page.sections)),
            "</body>\n</html>\n",
        ]
    )


def _markdown_section(section: Section) -> list[str]:
    blocks = [f"## {_plain(section.heading)}", _plain(section.text)]
    if section.error:
        blocks.append(f"**Failed:** {_plain(section.error)}")
    if section.table:
        blocks.append(_markdown_table(section.table))
    blocks += [f"![{_plain(link.text)}]({quote(link.path)})" for link in section.figures]
    if section.command:
        blocks.append(f"    {section.command}")
    remark = ("**DEMO** " if section.demo else "") + _plain(section.remark)
    files = ", ".join(f"[{_plain(link.text)}]({quote(link.path)})" for link in section.files)
    return [block for block in [*blocks, remark, files] if block]


def _markdown_table(table: Table) -> str:
    ruler = tuple("---:" if number else "---" for number in table.numbers)
    cells = [tuple(map(_plain, row)) for row in (table.header, *table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [cells[0], ruler, *cells[1:]])


def _html_section(section: Section, number: int) -> str:
    parts = [f'<h2 id="section{number}">{escape(section.heading)}</h2>']
    parts.append(f"<p>{escape(section.text)}</p>")
    if section.error:
        parts.append(f'<p class="error">Failed: {escape(section.error)}</p>')
    if section.table:
        parts.append(_html_table(section.table))
    parts += [_html_figure(link) for link in section.figures]
    if section.command:
        parts.append(f"<pre>{escape(section.command)}</pre>")
    if section.remark:
        mark = '<span class="demo">DEMO</span> ' if section.demo else ""
        parts.append(f'<p class="small">{mark}{escape(section.remark)}</p>')
    if section.files:
        links = (f'<a href="{quote(f.path)}">{escape(f.text)}</a>' for f in section.files)
        parts.append(f'<p class="small">{", ".join(links)}</p>')
    return "\n".join(parts)


def _html_table(table: Table) -> str:
    classes = [' class="number"' if number else "" for number in table.numbers]
    rows = [_html_row(table.header, classes, "th")]
    rows += [_html_row(row, classes, "td") for row in table.rows]
    return "\n".join(["<table>", *rows, "</table>"])


def _html_row(cells: Sequence[str], classes: Sequence[str], tag: str) -> str:
    pairs = zip(cells, classes, strict=True)
    return f"<tr>{''.join(f'<{tag}{kind}>{escape(cell)}</{tag}>' for cell, kind in pairs)}</tr>"


def _html_figure(link: Link) -> str:
    text = escape(link.text)
    image = f'<img src="{quote(link.path)}" alt="{text}">'
    return f"<figure>{image}<figcaption>{text}</figcaption></figure>"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    for sign in "\\`*[]<>|":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
