"""``vireid report``: one file that loads nothing, says what the files say, and shows hostile names as text."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.commands.runs import everything, run
from tests.results.tested import FinishedTest, run_test
from tests.results.written import SYSU, average_precisions, result, write
from vireid.report.markup import joined, tag
from vireid.report.page import HERE
from vireid.results import read_results
from vireid.search import BNSeparation

HOSTILE = "<img src=x onerror=alert(1)>[red]\x1b[31m\"'&"


class Elements(HTMLParser):
    """Every element of a page with its attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def made(capsys: pytest.CaptureFixture[str], folder: Path, *words: object) -> tuple[str, Elements]:
    """The page of a command that must succeed."""
    done = run(capsys, "report", *words, "--output", folder / "page.html")
    assert done.code == 0, done.err
    page = (folder / "page.html").read_text(encoding="utf-8")
    return page, Elements(page)


def sections(page: Elements) -> list[str | None]:
    return [attributes.get("id") for attributes in page.named("section")]


def test_markup_escapes_texts_and_attributes() -> None:
    assert joined("a<b", tag("i", 1), None) == "a&lt;b<i>1</i>"
    assert tag("img", alt='"x" <y>', hidden=False, data_v=None) == '<img alt="&quot;x&quot; &lt;y&gt;">'


def test_the_page_of_a_test(tested: FinishedTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, page = made(capsys, tmp_path, tested.folder)
    expected = ["results", "curves", "lists", "attention", "distances", "space", "cameras", "confused", "architecture", "provenance"]
    assert sections(page) == expected
    for row in read_results(tested.folder).results:
        assert f"{100 * row.mean['mAP']:.2f}" in page.text
    assert len(text) < 5_000_000
    assert len((HERE / "page.js").read_bytes()) < 10_000
    addresses = [value for _, attributes in page.found for name, value in attributes.items() if name in ("src", "href", "xlink:href")]
    assert {str(value)[:5] for value in addresses} <= {"data:", *(str(value)[:5] for value in addresses if str(value).startswith("#"))}
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    pictures = [a for name, a in page.found if name == "svg" or a.get("role") == "img"] + page.named("img")
    assert all(a.get("aria-label") or a.get("alt") is not None for a in pictures)
    assert len([a for a in page.named("img") if a.get("alt")]) > 50
    assert len(set(re.findall(r' id="([^"]+)"', text))) == len(re.findall(r' id="([^"]+)"', text))


def test_a_page_is_the_same_for_the_same_files(tested: FinishedTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = [made(capsys, tmp_path / name, tested.folder)[0] for name in ("a", "b")]
    assert pages[0] == pages[1]


def test_ranked_lists_are_those_of_the_file(tested: FinishedTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, _ = made(capsys, tmp_path, tested.folder, "--images", "none")
    found = read_results(tested.folder)
    ranks, images = found.details.ranks[SYSU][0], found.images
    assert images is not None
    lists = re.findall(r'<article class="list" data-group="(\w+)" data-ap="([\d.]+)".*?</article>', text, re.DOTALL)
    ap = found.results[0].per_query[0].ap
    hardest = [float(value) for group, value in lists if group == "hardest"]
    assert hardest[0] == pytest.approx(np.nanmin(ap), abs=1e-6)
    assert hardest == sorted(hardest)
    first = text[text.index('<ol class="strip"') : text.index("</ol>")]
    kinds = re.findall(r'<li class="(\w+)">', first)
    place = int(np.nanargmin(ap))
    own = images.pids[ranks.entries[place]] == images.pids[ranks.query[place]]
    assert kinds == ["ignored" if gone else "right" if mine else "wrong" for gone, mine in zip(ranks.ignored[place], own, strict=True)][:10]
    assert "<img" not in text


def changed(folder: Path, source: Path, **arrays: Any) -> None:
    """A copy of a test whose images have other columns."""
    shutil.copytree(source, folder)
    with np.load(folder / "embeddings.npz") as before:
        np.savez(folder / "embeddings.npz", **{**before, **arrays})


def test_hostile_names_stay_text(tested: FinishedTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "<b onclick=x>[red]"
    changed(folder, tested.folder, people=np.full(len(tested.evaluation.records), HOSTILE))
    content = json.loads((folder / "metrics.json").read_text())
    content["results"][0] |= {"remark": HOSTILE}
    content |= {"phase": HOSTILE, "checkpoint": "</dd><script>x</script>", "root": HOSTILE}
    content["genotype"]["choices"] = {f"{HOSTILE}{number}": HOSTILE for number in range(3)}
    content["data"]["init_args"]["x"] = "</pre><script>"
    (folder / "metrics.json").write_text(json.dumps(content))
    text, page = made(capsys, tmp_path, folder)
    assert not [name for _, attributes in page.found for name in attributes if name.startswith("on")]
    assert len(page.named("script")) == 1
    assert "[red]" in page.text
    assert "\x1b" not in text
    policy = next(a["content"] for a in page.named("meta") if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_a_moved_data_folder(tested: FinishedTest, sysu_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    moved = [str(path).replace(str(sysu_root), "/gone") for path in (record.path for record in tested.evaluation.records)]
    changed(tmp_path / "run", tested.folder, paths=np.array(moved))
    content = json.loads((tmp_path / "run" / "metrics.json").read_text())
    (tmp_path / "run" / "metrics.json").write_text(json.dumps({**content, "root": "/gone"}))
    done = run(capsys, "report", tmp_path / "run", "--output", tmp_path / "boxes.html")
    assert re.search(r"images could not be read, such as /gone/cam\S+ If the data folder has moved, name it by --root\.", done.out)
    page = Elements((tmp_path / "boxes.html").read_text())
    assert "images cannot be shown, such as /gone/" in page.text
    assert not [a for a in page.named("img") if a.get("alt")]
    run(capsys, "report", tmp_path / "run", "--output", tmp_path / "elsewhere.html", "--root", tmp_path)
    assert not [a for a in Elements((tmp_path / "elsewhere.html").read_text()).named("img") if a.get("alt")]
    _, shown = made(capsys, tmp_path, tmp_path / "run", "--root", sysu_root)
    assert len([a for a in shown.named("img") if a.get("alt")]) > 50


def test_runs_are_laid_side_by_side(tested: FinishedTest, sysu_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_test(sysu_root, tmp_path / "other", genotype="all_separate", seed=3)
    BNSeparation("resnet10").baselines()["all_shared"].save(tmp_path / "search" / "genotype.json")
    (tmp_path / "search" / "metrics.csv").write_text("epoch,step,train/loss\n0,1,9\n1,2,3\n")
    (tmp_path / "search" / "architecture_summary.csv").write_text("epoch,entropy,margin\n0,0.7,0.1\n1,0.6,0.2\n")
    rows = ["epoch,site,stage,candidate,probability", *(f"{e},bn1,stem,{c},0.5" for e in (0, 1) for c in ("shared_bn", "separate_bn"))]
    (tmp_path / "search" / "architecture.csv").write_text("\n".join(rows))
    _, page = made(capsys, tmp_path, tested.folder, tmp_path / "other", tmp_path / "search")
    assert {"comparison", "course", "training", "architecture"} <= set(sections(page))
    assert "points of mAP" in page.text
    assert "other, site by site" in page.text
    assert page.text.count("modality gap") >= 1


def test_runs_of_different_protocols_are_kept_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a", result(protocol="one"))
    write(tmp_path / "b", result(protocol="two"))
    write(tmp_path / "c", result(average_precisions(2), protocol="one", digest="other"))
    _, page = made(capsys, tmp_path, tmp_path / "a", tmp_path / "b", tmp_path / "c")
    assert "one: kept apart, only a holds it." in page.text
    assert "one: kept apart, the images compared are not the same." in page.text
    assert "The tests share no protocol" in page.text


def test_what_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "older", result(with_queries=False))
    _, older = made(capsys, tmp_path / "1", tmp_path / "older")
    assert "This test was made by an older vireid" in older.text
    (tmp_path / "half" / "checkpoints").mkdir(parents=True)
    (tmp_path / "half" / "metrics.csv").write_text("epoch,step,train/loss\n0,1,9\n")
    (tmp_path / "half" / ".metrics.json.part").write_text("{")
    _, half = made(capsys, tmp_path / "2", tmp_path / "half")
    assert "There is no test yet. Run vireid test --ckpt" in half.text
    assert sections(half) == ["training", "provenance"]


def test_one_camera_and_one_modality(tested: FinishedTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = len(tested.evaluation.records)
    changed(tmp_path / "run", tested.folder, modalities=np.zeros(number, np.int64), camids=np.ones(number, np.int64))
    _, page = made(capsys, tmp_path, tmp_path / "run")
    assert "There is no modality gap to show" in page.text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("empty",), r"'empty' is no run: it holds no metrics\.json"),
        (("absent",), "There is no 'absent'"),
        (("run", "--output", "taken.html"), r"'taken\.html' exists, and nothing is overwritten"),
        (("run", "--images", "some"), "some"),
        ((), "runs"),
    ],
)
def test_bad_input_writes_nothing(
    words: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "run", result())
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken.html").write_text("mine")
    before = everything(tmp_path)
    done = run(capsys, "report", *words)
    assert done.code == 2
    assert re.search(message, done.err)
    assert everything(tmp_path) == before


def test_without_matplotlib_the_command_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = run(capsys, "report", write(tmp_path / "run"), "--output", tmp_path / "page.html")
    assert done.code == 2
    assert "A report needs matplotlib: pip install 'vireid[report]'" in done.err


def test_lists_that_name_images_which_are_not_there_are_refused(
    tested: FinishedTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tested.folder, tmp_path / "run")
    with np.load(tmp_path / "run" / "queries.npz") as arrays:
        entries = np.where(arrays["entries.0.0"] >= 0, 9999, -1).astype(np.int32)
        np.savez(tmp_path / "run" / "queries.npz", **{**arrays, "entries.0.0": entries})
    done = run(capsys, "report", tmp_path / "run", "--output", tmp_path / "page.html")
    assert done.code == 2
    assert "is damaged" in done.err


def test_many_images_are_sampled(
    tested: FinishedTest, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vireid.report.sections.space.MOST", 20)
    _, page = made(capsys, tmp_path, tested.folder)
    assert "20 of 72 images are drawn, by a fixed seed" in page.text


def test_remarks_stand_at_the_top(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "run", replace(result(), remark="search saw test identities"))
    text, _ = made(capsys, tmp_path, tmp_path / "run")
    assert text.index("search saw test identities") < text.index("<section")
