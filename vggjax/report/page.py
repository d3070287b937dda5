"""A page of results: sections with a table, figures and the command, as Markdown and as HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markdown_it import MarkdownIt

from vggjax.files import write_text
from vggjax.report.tables import Table, plain

STYLE = """\
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 sans-serif; }
h2 { margin-top: 3rem; border-top: 1px solid #ccc; padding-top: 1rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid #ddd; padding: .2rem .7rem; text-align: left; }
td { font-variant-numeric: tabular-nums; }
figure { margin: 1.5rem 0; } img { max-width: 100%; height: auto; } figcaption { color: #555; }
pre { background: #f4f4f4; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
blockquote { margin: 0; background: #f8d7da; padding: .1rem .7rem; overflow-wrap: anywhere; }
"""


@dataclass(frozen=True)
class Link:
    """A file, by its path relative to the page with `/` between, and what to call it."""

    path: str
    text: str


@dataclass(frozen=True)
class Section:
    """One experiment: `rows` are the reference's (such as "C1, C2"), `text` says what to look for.

    `error` is the sentence it failed with, `notes` belong to the table, `remark` says what it ran
    on and how long, `demo` whether on demo data or weights. All are plain text.
    """

    title: str
    rows: str
    text: str
    table: Table | None = None
    notes: tuple[str, ...] = ()
    figures: tuple[Link, ...] = ()
    files: tuple[Link, ...] = ()
    command: str = ""
    remark: str = ""
    error: str = ""
    demo: bool = False


@dataclass(frozen=True)
class Page:
    """A title, some lines of introduction, a table over everything, and the sections."""

    title: str
    lines: tuple[str, ...]
    sections: tuple[Section, ...]
    overview: Table | None = None


def write_page(page: Page, folder: Path) -> None:
    """Write `report.md` and `report.html` into `folder`, atomically."""
    for name, text in (("report.md", as_markdown(page)), ("report.html", as_html(page))):
        write_text(folder / name, text)


def as_markdown(page: Page) -> str:
    """The page as Markdown with GitHub's tables."""
    blocks = [f"# {plain(page.title)}", *map(plain, page.lines)]
    blocks += [page.overview.as_markdown()] if page.overview else []
    for section in page.sections:
        blocks += _blocks(section)
    return "\n\n".join(blocks) + "\n"


def as_html(page: Page) -> str:
    """The page as one HTML document, rendered from its Markdown; links are relative."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.add_render_rule("image", _image)
    reader.add_render_rule("table_open", lambda *_: '<div class="wide"><table>\n')
    reader.add_render_rule("table_close", lambda *_: "</table></div>\n")
    tokens = reader.parse(as_markdown(page))
    for before, content, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if content.children and content.children[0].type == "image":
            before.hidden = after.hidden = True  # a figure is no paragraph
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(page.title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>",
            f"{reader.renderer.render(tokens, reader.options, {})}</body>\n</html>\n",
        ]
    )


def _blocks(section: Section) -> list[str]:
    blocks = [f"## {plain(f'{section.rows}: {section.title}')}", plain(section.text)]
    blocks += [f"> **Failed:** {plain(section.error)}"] if section.error else []
    blocks += [section.table.as_markdown()] if section.table else []
    blocks += map(plain, section.notes)
    blocks += [f"![{plain(link.text)}]({quote(link.path)})" for link in section.figures]
    blocks += [f"    {section.command}"] if section.command else []
    remark = ("**DEMO** " if section.demo else "") + plain(section.remark)
    files = ", ".join(f"[{plain(link.text)}]({quote(link.path)})" for link in section.files)
    return [block for block in [*blocks, remark, files] if block]


def _image(
    reader: Any, tokens: Sequence[Any], number: int, options: Any, env: Mapping[str, Any]
) -> str:
    """A figure that is loaded when it is scrolled to, and opens alone on a click."""
    token = tokens[number]
    path, text = (
        escape(token.attrs["src"]),
        escape(reader.renderInlineAsText(token.children, options, env)),
    )
    image = f'<img src="{path}" alt="{text}" loading="lazy">'
    return f'<figure><a href="{path}">{image}</a><figcaption>{text}</figcaption></figure>'
