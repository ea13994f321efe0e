"""The page in a real browser: search, threshold, filters, additions and removals, with the mouse's events and by keyboard alone."""

from __future__ import annotations

import base64
import importlib.util
import os
import shutil
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.deploy.gallery.stand_in import Projection, image
from tests.deploy.server.processes import Process, served
from vireid import Gallery

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--no-sandbox",  # as root, as in a container
    "--disable-dev-shm-usage",  # 64 MB there
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Chromium asks no host on its own."""
MARKUP = "<img src=x onerror=\"document.title='broken'\">"
STATUS = "the server responded with a status of 4"  # of a refusal, which the page tells
NAMED = {"button", "combobox", "textbox", "slider", "radio", "checkbox", "spinbutton", "image", "dialog", "listitem", "progressindicator"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window, in a folder of its own. Where there is none, continuous integration fails; others are told."""
    tools = {"chromium": CHROMIUM, "playwright": importlib.util.find_spec("playwright")}
    if lacking := " and ".join(name for name, there in tools.items() if not there):
        reason = f"THE PAGE WAS NOT TESTED, for want of {lacking}: `apt-get install chromium`, and the extra `test`."
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield found
        found.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server of a calibrated gallery of 45 people."""
    path = tmp_path_factory.mktemp("served") / "people.gallery"
    with Gallery(path, Projection()) as gallery:
        for person in range(45):
            shots = [image(person, number, size=(64, 128)) for number in range(8)]
            gallery.add(shots, "visible", f"person {person}", ["gate", "yard"] * 4, "2026-11-30T21:05")
        gallery.calibrate([0.3, 0.2])
    with served(path) as process:
        yield process


@pytest.fixture
def page(browser: Any, server: Process) -> Iterator[Any]:
    """The page, with the requests that it made; it must not have printed an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    found = context.new_page()
    found.asked, errors = [], []
    found.on("request", lambda request: found.asked.append(request.url))
    found.on("console", lambda message: errors.append(message.text) if message.type == "error" and STATUS not in message.text else None)
    found.on("pageerror", lambda error: errors.append(str(error)))
    found.goto(server.address)
    until(found, "document.getElementById('contents').textContent")
    yield found
    context.close()
    assert errors == []


@pytest.fixture
def query(tmp_path: Path) -> str:
    image(3, 50, size=(64, 128)).save(tmp_path / "query.png")
    return str(tmp_path / "query.png")


def until(page: Any, expression: str, seconds: float = 30.0) -> None:
    """Wait for what the page shall show. The page lets no text be run as a program, which playwright's own waiting would need."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"{expression} never came, and the page says: {page.inner_text('#status')}"
        page.wait_for_timeout(50)


def search(page: Any, query: str) -> list[str]:
    """Search by a visible image; the requests that it took."""
    page.check("#query input[value=visible]")
    before = len(page.asked)
    page.set_input_files("#image", query)
    page.wait_for_selector(".card")
    return [url for url in page.asked[before:] if not url.startswith(("data:", "blob:"))]


def test_a_search_takes_few_requests_to_no_other_host_and_draws_the_threshold(page: Any, query: str, server: Process) -> None:
    assert page.inner_text("#contents") == "360 images of 45 people"
    assert 1 <= len(search(page, query)) <= 5
    assert {urlsplit(url).netloc for url in page.asked if urlsplit(url).netloc} == {urlsplit(server.address).netloc}
    above = page.locator("#above .card b").all_inner_texts()
    assert {name.partition(". ")[2] for name in above} == {"person 3"}
    assert page.locator(".card").count() == 10
    assert "a stranger passes in" in page.inner_text("#line")
    assert page.locator(".card img").first.evaluate("image => image.naturalWidth") == 64
    strict = page.inner_text("#line")
    assert page.locator("#rate option").all_inner_texts() == ["30 % of searches", "20 % of searches"]
    page.select_option("#rate", "0.3")
    assert page.inner_text("#line") != strict


def test_everything_by_keyboard_alone(page: Any, query: str) -> None:
    search(page, query)
    page.focus("#slider")
    before, value = page.locator("#above .card").count(), page.inner_text("#line")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#line") != value
    page.keyboard.press("End")
    assert (page.locator("#above .card").count(), page.locator("#below .card").count()) == (0, 10)
    assert "moved by hand" in page.inner_text("#line")
    assert "Nobody is above the threshold" in page.inner_text("#status")
    page.keyboard.press("Home")
    assert page.locator("#above .card").count() == 10 > before

    first = page.locator(".card").first.get_attribute("data-id")
    while not page.evaluate("document.activeElement.classList.contains('card')"):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.id") == page.locator(".card").nth(1).get_attribute("data-id")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Delete")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.id") == first
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    until(page, "document.getElementById('status').textContent.includes('deleted')")
    assert page.locator(f".card[data-id='{first}']").count() == 0
    assert page.evaluate("document.activeElement.classList.contains('card')")


def test_filters_additions_and_people(page: Any, query: str) -> None:
    search(page, query)
    page.select_option("#camera", "yard")
    until(page, "[...document.querySelectorAll('.card small:first-of-type')].every(found => found.textContent === 'yard')")
    page.fill("#query input[name=person]", "nobody of this name")
    page.keyboard.press("Enter")
    until(page, "document.getElementById('status').textContent.includes('holds no person')")
    page.fill("#query input[name=person]", "")
    page.select_option("#camera", "")

    page.wait_for_selector("#add-query")
    page.click("#add-query")
    page.fill("#add input[name=person]", MARKUP)
    page.fill("#add input[name=time]", "2026-12-01T08:00")
    page.keyboard.press("Enter")
    until(page, "document.getElementById('added').textContent.startsWith('1 of 1')")
    page.keyboard.press("Escape")
    page.click("#query button[type=submit]")
    until(page, f"document.querySelector('.card b')?.textContent === {f'1. {MARKUP}'!r}")
    assert page.locator(".card .score").first.inner_text().startswith("1.000")

    page.click("#open-people")
    page.wait_for_selector("#names li")
    assert page.locator("#names li span").first.inner_text() == MARKUP
    page.locator("#names button").first.click()
    assert MARKUP in page.inner_text("#question")
    page.click("#yes")
    until(page, "document.querySelectorAll('#names li').length === 45")
    page.click("#people [data-close]")
    until(page, f"document.querySelector('.card b').textContent !== {f'1. {MARKUP}'!r}")
    assert page.title().startswith("People in day and night images")


def test_an_upload_that_is_no_image_is_told_and_the_page_goes_on(page: Any, query: str, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    with page.expect_response(lambda answer: answer.status == 422):
        page.set_input_files("#image", str(tmp_path / "bad.png"))
    until(page, "document.getElementById('status').textContent.includes('not an image in a known format')")
    search(page, query)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_fits_and_everything_has_a_name(page: Any, query: str, tmp_path: Path, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    search(page, query)
    page.screenshot(path=tmp_path / f"page-{width}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.getElementById('status').getBoundingClientRect().top >= document.querySelector('nav').offsetHeight")
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    seen = {(node["role"]["value"], bool(node.get("name", {}).get("value"))) for node in nodes if not node["ignored"]}
    assert {role for role, named in seen if not named} & NAMED == set()
    assert {role for role, named in seen if named} >= {"button", "combobox", "slider", "radio", "listitem", "image"}
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(16, 20, 24)" if scheme == "dark" else "rgb(255, 255, 255)")
    assert page.get_attribute("#theme", "aria-pressed") == str(scheme == "dark").lower()
    page.click("#open-add")
    assert page.locator("#adding").bounding_box()["width"] <= width
    page.screenshot(path=tmp_path / f"adding-{width}-{scheme}.png")


DROP = """([drop, content]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))], "night.png", {type: "image/png"}));
  const event = {bubbles: true, cancelable: true, dataTransfer: transfer};
  for (const kind of ["dragover", "drop"]) drop.dispatchEvent(new DragEvent(kind, event));
}"""


def test_a_night_image_is_dropped_on_the_page_and_both_modalities_are_ranked_by_calibrated_scores(browser: Any, tmp_path: Path) -> None:
    """Scores of the night images of a gallery lie above those of its day images, for any person."""
    path = tmp_path / "people.gallery"
    with Gallery(path, Projection()) as gallery:
        for person in range(15):
            for grey, first in ((False, 0), (True, 20)):
                shots = [image(person, first + number, grey=grey, size=(64, 128)) for number in range(6)]
                gallery.add(shots, "infrared" if grey else "visible", f"person {person}")
        assert "infrared-both" in gallery.calibrate([0.4]).pairs
    image(3, 50, grey=True, size=(64, 128)).save(tmp_path / "night.png")
    with served(path) as process:
        page = browser.new_page()
        page.goto(process.address)
        until(page, "document.getElementById('contents').textContent")
        page.check("#query input[value=infrared]")
        page.select_option("#query select[name=in_modality]", "")
        content = base64.b64encode((tmp_path / "night.png").read_bytes()).decode()
        page.evaluate(DROP, [page.query_selector("#drop"), content])
        page.wait_for_selector(".card")
        shown = page.locator(".card").all_inner_texts()
        calibrated = [float(text.split(" · ")[1].split()[0]) for text in shown]  # of a cosine, and how many deviations above strangers
        assert calibrated == sorted(calibrated, reverse=True)
        assert "person 3" in shown[0]
        assert "infrared" in shown[0]
        page.close()


def test_a_server_with_a_token_is_opened_by_it(browser: Any, tmp_path: Path) -> None:
    with served(tmp_path / "people.gallery", "--token_file", str(tmp_path / "token")) as process:
        page = browser.new_page()
        page.goto(process.address)
        page.wait_for_selector("#locked[open]")
        page.keyboard.type("not the right token")
        page.keyboard.press("Enter")
        until(page, "document.getElementById('wrong').textContent")
        page.keyboard.type((tmp_path / "token").read_text().strip())
        page.keyboard.press("Enter")
        until(page, "document.getElementById('contents').textContent === '0 images of 0 people'")
        page.close()
