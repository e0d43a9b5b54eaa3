"""The macros of the base template, with data that forms have in practice: none, little and too long."""

from __future__ import annotations

import io

import pytest
from jinja2 import DictLoader
from jinja2.exceptions import UndefinedError
from pypdf import PdfReader

from core.machinery.documents.renderer import render_pdf
from core.machinery.documents.templating import DocumentHead, document_environment, label_lines

pytestmark = pytest.mark.no_database


def render(source: str, **values: object) -> str:
    source = '{% import "documents/macros.html" as form with context %}' + source
    environment = document_environment(
        lambda message, **parts: message % parts if parts else message,
        lambda one, many, n: one,
        loaders=[DictLoader({"page.html": source})],
    )
    return environment.get_template("page.html").render(**values)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("columns", [1, 2, 3])
def test_key_values_fill_every_row(count, columns):
    html = render(
        "{{ form.key_values(pairs, columns) }}", pairs=[(f"k{n}", n) for n in range(count)], columns=columns
    )
    assert html.count("<tr>") == html.count("</tr>") == -(-count // columns)
    empty = sum(int(span) for span in _spans(html))
    assert html.count("<th") + html.count("<td>") + empty == 2 * columns * -(-count // columns)


def test_wide_value_takes_a_row_of_its_own():
    html = render("{{ form.key_values([('a', 1), ('b', 2, True), ('c', 3)]) }}")
    assert html.count("<tr>") == html.count("</tr>") == 3
    assert _spans(html) == ["2", "3", "2"]


def _spans(html: str) -> list[str]:
    return [part.partition('"')[0] for part in html.split('colspan="')[1:]]


def test_none_leaves_room_for_ink_and_zero_is_printed():
    html = render("{{ form.key_values([('a', None), ('b', 0)]) }}")
    assert "<td></td>" in html
    assert "<td>0</td>" in html


def test_empty_table_says_so_and_blank_rows_are_for_ink():
    columns = [{"label": "x"}, {"label": "y"}]
    assert "No entries" in render("{{ form.item_table(columns, []) }}", columns=columns)
    blank = render("{{ form.item_table(columns, [], blank_rows=3) }}", columns=columns)
    assert "No entries" not in blank
    assert blank.count('class="blank"') == 3


def test_section_heads_totals_and_escaping():
    html = render(
        "{{ form.item_table(columns, ['Kitchen', ('<b>', 2)], totals=('Sum', 2)) }}",
        columns=[{"label": "x"}, {"label": "y", "align": "right"}],
    )
    assert '<tr class="section"><th colspan="2">Kitchen</th></tr>' in html
    assert "&lt;b&gt;" in html
    assert html.count('class="right"') == 2


def test_choices_tick_one_or_several():
    assert render("{{ form.choices([(1, 'a'), (2, 'b')], 2) }}").count("☑") == 1
    assert render("{{ form.choices([(1, 'a'), (2, 'b')], [1, 2]) }}").count("☑") == 2
    assert render("{{ form.choices([(1, 'a'), (2, 'b')]) }}").count("☐") == 2


def test_long_values_stay_inside_the_page(pages):
    long = "碧桂园凤凰城东区一期三组团" * 8 + "A" * 200
    html = render(
        "{{ form.letterhead(document) }}{{ form.heading(document.title) }}"
        "{{ form.key_values([(v, v), (v, v, True)]) }}{{ form.item_table([{'label': v}, {'label': v}], [(v, v)]) }}"
        "{{ form.signatures([{'role': v, 'name': v}, {'role': v}]) }}{{ form.supplements(parts) }}",
        v=long,
        parts=[
            {
                "number": 1,
                "date": long,
                "reason": long,
                "rows": [(long, long, long)],
                "boxes": [{"role": long, "name": long}],
                "content_hash": "0" * 64,
            },
            {"number": 2, "date": "", "reason": "", "rows": None, "boxes": [], "content_hash": "0" * 64},
        ],
        document=DocumentHead(title=long, number="X" * 40, company=long, project=long),
    )
    document = pages(render_pdf(html).content)
    for number in range(len(document)):
        assert document.ink((196, 0, 210, 297), number) == 0


def test_a_table_with_a_heading_of_its_own_stays_on_one_page(pages):
    pairs = ", ".join(f'("name {number}", "value {number}")' for number in range(8))
    source = (
        '<div style="height: 215mm"></div>{{ form.key_values(['
        + pairs
        + '], columns=1, caption="Summary") }}'
    )
    printed = pages(render_pdf(render(source)).content)
    assert len(printed) == 2
    assert [name in printed.text(0) for name in ("Summary", "value 0")] == [False, False]
    assert [name in printed.text(1) for name in ("Summary", "value 0", "value 7")] == [True, True, True]


def test_charts_draw_bars_in_proportion(pages):
    style = "<style>@page { margin: 0 } body { margin: 0 } .chart { width: 120mm; margin: 0 }</style>"
    html = style + render("{{ form.bar_chart([('a', 100), ('b', 50)], unit='%') }}")
    result = render_pdf(html)
    fonts = PdfReader(io.BytesIO(result.content)).pages[0]["/Resources"]["/Font"].values()
    assert all("Doorstep-Sans-SC" in font.get_object()["/BaseFont"] for font in fonts)
    document = pages(result.content)
    first, second = (0.8, 4.6), (6, 9.8)
    assert document.ink((31, first[0] + 0.5, 105, first[1] - 0.5)) > 0.98
    assert document.ink((31, second[0] + 0.5, 67, second[1] - 0.5)) > 0.98
    assert document.ink((85, second[0], 105, second[1])) == 0
    stacked = render("{{ form.stacked_bar_chart(['x', 'y'], [('a', (1, 2)), ('b', (0, 0))]) }}")
    assert stacked.count("<rect") == 4
    assert render("{{ form.bar_chart([]) }}{{ form.stacked_bar_chart(['x'], []) }}").count("<svg") == 2


@pytest.mark.parametrize(
    ("label", "lines"),
    [
        ("W13 Blocked pipes", ["W13 Blocked pipes"]),
        ("W07 Doors, windows and hardware", ["W07 Doors, windows and", "hardware"]),
        ("渗漏与防水工程的专项排查和处理", ["渗漏与防水工程的专项排查和处", "理"]),
        ("a" * 80, ["a" * 26, "a" * 26 + "…"]),
        ("", [""]),
    ],
)
def test_a_long_label_of_a_chart_takes_two_lines(label, lines):
    assert label_lines(label) == lines
    drawn = render("{{ form.bar_chart([(label, 1)]) }}", label=label)
    assert all(f">{line}</text>" in drawn for line in lines)


def test_a_signature_never_stands_alone_on_a_page(pages):
    source = (
        '<div style="height: 238mm"></div><p>what is signed</p>{{ form.signatures([{"role": "signer"}]) }}'
    )
    printed = pages(render_pdf(render(source)).content)
    assert len(printed) == 2
    assert ["what is signed" in printed.text(number) for number in (0, 1)] == [False, True]


def test_missing_value_is_an_error_not_a_blank():
    with pytest.raises(UndefinedError):
        render("{{ owner }}")
