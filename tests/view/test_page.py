from __future__ import annotations

import html
import json
import re

import polars as pl
import pytest

import icecol as ic
from icecol.view.page import SCRIPTS, page
from icecol.view.record import document
from icecol.view.source import choose

EVIL = "</script><img/src=x onerror=alert(1)>&\u2028"


def data_of(text):
    """The events that a page holds."""
    found = re.findall(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert len(found) == 1
    return json.loads(found[0])


def test_a_page_holds_its_data_and_loads_nothing(sample):
    display = ic.plot.view(sample, n=2)
    text = display.html()
    assert data_of(text) == json.loads(json.dumps(display.data))
    assert not re.search(r"""(src|href)\s*=\s*["']|https?:|@import|url\(""", text)
    assert "default-src 'none'" in text
    assert "<!--" not in text.replace("<!DOCTYPE", "")


def test_saved_pages_are_whole(sample, tmp_path):
    display = ic.plot.view(sample, event=3)
    assert display.save(tmp_path / "event.html") == tmp_path / "event.html"
    assert (tmp_path / "event.html").read_text(encoding="utf-8") == display.html()
    assert repr(display) == "Display(run 1, event 3 · InIceSplit 0)"
    assert repr(ic.plot.view(sample, n=4)).endswith(", ...)")


def test_names_from_files_stay_text(sample, tmp_path):
    table = sample.to_polars()[:1].with_columns(
        pl.lit(EVIL).alias(f"{EVIL}.x"), pl.lit(EVIL).alias("I3EventHeader.sub_event_stream")
    )
    text = page(document(choose(table)))
    assert text.count("</script>") == 2
    assert "<img" not in text
    assert html.escape(EVIL) in text.partition("<style>")[0]
    assert [EVIL, [["x", EVIL, ""]]] in data_of(text)["events"][0]["values"]
    inline = ic.plot.view(table)._repr_html_()
    assert inline.count("<") == 2  # of the frame alone
    assert html.unescape(re.search('srcdoc="(.*?)"', inline, re.DOTALL)[1]) == text


def test_keys_of_frames_stay_text(folder, tmp_path):
    frame = next(f for f in ic.open_i3(folder / "run.i3.zst") if f.stop == "P")
    frame["</script><b>"] = 1.5
    ic.write_i3(tmp_path / "evil.i3", [frame])
    display = ic.plot.view(tmp_path / "evil.i3")
    assert display.html().count("</script>") == 2
    assert ["</script><b>", [["value", 1.5, ""]]] in display.data["events"][0]["values"]


def test_a_file_whose_name_is_no_text_has_a_page(folder, tmp_path):
    path = tmp_path / "run\udcff.i3.zst"
    path.write_bytes((folder / "run.i3.zst").read_bytes())
    assert ic.plot.view(path).save(tmp_path / "event.html").stat().st_size > 1e5


def test_size_of_a_page(sample):
    """The budget: 6 MB for one event, then 0.3 MB for 10,000 pulses."""
    table = sample.to_polars()[:1].select("^SRTInIcePulses.*$")
    sizes = []
    for n in (0, 10_000, 50_000):
        columns = {
            name: [pl.Series([table[name][0][0]] * n, dtype=table[name].dtype.inner)]
            for name in table.columns
        }
        sizes.append(len(ic.plot.view(pl.DataFrame(columns)).html()))
    assert sizes[0] < 6e5
    assert sizes[1] - sizes[0] < 0.3e6
    assert sizes[2] - sizes[0] < 5 * 0.3e6


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_write_no_html(name, request):
    text = (request.config.rootpath / "icecol" / "view" / "assets" / name).read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|fetch\(|localStorage", text
    )
    assert "</script" not in text
    assert "<!--" not in text
