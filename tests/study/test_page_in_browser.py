"""The page in a real Chromium, by keyboard: `pytest -m browser`, with the extra `browser` and a Chromium installed."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections import Counter
from pathlib import Path

import pytest

from ganstyle.study.design import read_study
from ganstyle.study.making import Wishes, build_study
from ganstyle.study.matching import match
from ganstyle.study.page import study_page
from ganstyle.study.serving import StudyServer
from ganstyle.study.store import read_store
from ganstyle.study.votes import read_votes

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium."""
    api = pytest.importorskip("playwright.sync_api", reason="pip install 'ganstyle[browser]'")
    if CHROMIUM is None:
        pytest.skip("there is no chromium; CHROMIUM=/path/to/it names one")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Visitor:
    """One person's browser; requests that leave the machine and errors of the page fail the test."""

    def __init__(self, chromium, address, **context):
        self.context = chromium.new_context(accept_downloads=True, **context)
        self.context.set_default_timeout(60_000)
        self.tab, self.troubles, self.address = self.context.new_page(), [], address
        self.tab.on("console", lambda message: self.troubles.append(message.text))
        self.tab.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.tab.on("request", self._watch)
        self.tab.goto(address)

    def _watch(self, request):
        if not request.url.startswith(("data:", "blob:", self.address.split("#")[0].rsplit("/", 1)[0])):
            self.troubles.append(f"request to {request.url}")

    def start(self, name="Ann"):
        self.tab.fill("#name", name)
        self.tab.keyboard.press("Enter")
        self.ready()

    def ready(self):
        """Wait until the pair can be answered."""
        self.tab.wait_for_selector("#candidates[aria-busy=false]")
        self.tab.wait_for_timeout(250)  # the page is deaf for 200 ms, so that no tap answers two pairs

    def press(self, key):
        self.tab.keyboard.press(key)
        if self.tab.is_visible("#trial"):
            self.ready()

    def count(self):
        return self.tab.inner_text("#count")

    def trials(self):
        return self.tab.evaluate("trials")

    def votes(self):
        return self.tab.evaluate("kept.current.votes")

    def answer_all(self):
        """Prefer method 0, and the intact picture of a check, until the end."""
        while self.tab.is_visible("#trial"):
            number = len(self.votes())
            self.press("ArrowLeft" if self.trials()[number]["left"] == 0 else "ArrowRight")

    def download(self, path):
        with self.tab.expect_download() as download:
            self.tab.click("#download")
        download.value.save_as(path)
        return path


@pytest.fixture
def visit(chromium):
    """Open a page; afterwards nothing may have gone wrong in it."""
    opened = []

    def visit(address, **context):
        opened.append(Visitor(chromium, str(address), **context))
        return opened[-1]

    yield visit
    for visitor in opened:
        visitor.context.close()
        assert visitor.troubles == []


def test_a_whole_study_by_keyboard_with_a_reload_ends_in_a_result(page, study, visit, tmp_path, run_cli):
    visitor = visit(page.as_uri())
    visitor.start()
    for key in ("ArrowLeft", "ArrowRight", " "):
        visitor.press(key)
    before = visitor.votes()
    assert [vote["choice"] for vote in before] == ["left", "right", "equal"]
    visitor.tab.reload()
    visitor.ready()
    assert visitor.votes() == before and visitor.count() == f"4 of {study.design.trials}"
    for _ in range(4):
        visitor.press("Backspace")
    assert visitor.count() == f"1 of {study.design.trials}"
    visitor.answer_all()
    ballot = read_votes(visitor.download(tmp_path / "votes.json"))
    assert ballot.study == study.id and ballot.design == study.design and ballot.raters[0].name == "Ann"
    answer = json.loads(run_cli("study", "result", tmp_path / "votes.json", "--study", page, "--json").out)
    assert answer["methods"][0] | {"score": 0, "interval": 0} == {
        "name": "ours", "score": 0, "interval": 0, "win_share": 1.0, "comparisons": 6.0,
    }  # fmt: skip
    assert answer["raters"][0]["checks"] == 3 and answer["raters"][0]["wrong"] == 0
    assert answer["retest"] == {"same": 2, "pairs": 2}


def test_a_plan_has_every_pair_with_sides_balanced_and_repeats_swapped_and_later(page, study, visit):
    visitor = visit(page.as_uri())
    seen = Counter()
    for number in range(20):
        trials = visitor.tab.evaluate(f"plan('{number:032x}')")
        pairs = [trial for trial in trials if trial["kind"] == "pair"]
        assert sorted(trial["item"] for trial in pairs) == list(range(6))
        assert Counter(trial["left"] for trial in pairs) == {0: 3, 1: 3}
        assert len([trial for trial in trials if trial["kind"] == "check"]) == 3
        for index, trial in enumerate(trials):
            if trial["kind"] == "repeat":
                first = next(i for i, t in enumerate(trials) if t["kind"] == "pair" and t["item"] == trial["item"])
                assert first < index and trials[first]["left"] == trial["right"]
        seen[tuple(trial["item"] for trial in pairs)] += 1
    assert len(seen) > 15, "raters should differ in their order"
    assert visitor.tab.evaluate("plan('a')") == visitor.tab.evaluate("plan('a')")


def test_pairs_of_three_methods_are_asked_equally_often(folders, tmp_path, visit):
    shutil.copytree(folders[0], tmp_path / "third")
    study = build_study(match([*folders, str(tmp_path / "third")]), Wishes(pairs=9, checks=0))
    (tmp_path / "three.html").write_bytes(study_page(study))
    trials = visit((tmp_path / "three.html").as_uri()).tab.evaluate("plan('b')")
    kinds = Counter(frozenset((trial["left"], trial["right"])) for trial in trials if trial["kind"] == "pair")
    assert sorted(kinds.values()) == [3, 3, 3]


def test_names_of_methods_and_files_are_never_in_sight(page, visit):
    visitor = visit(page.as_uri())
    texts = [visitor.tab.inner_text("body")]
    visitor.start()
    texts.append(visitor.tab.inner_text("body"))
    shown = visitor.tab.evaluate("[...document.querySelectorAll('*')].flatMap(e => [e.title, e.alt, e.ariaLabel])")
    visitor.tab.click("#stop")
    texts += [visitor.tab.inner_text("body"), *map(str, shown)]
    assert all("ours" not in text.replace("Yours", "").replace("yours", "") for text in texts)
    assert all("theirs" not in text and "p0" not in text for text in texts)


def test_hostile_questions_are_shown_as_text(folders, tmp_path, visit):
    question = "<img src=x onerror=alert(1)></script><script>alert(2)</script>{{data}}"
    (tmp_path / "h.html").write_bytes(study_page(build_study(match(folders), Wishes(question=question))))
    visitor = visit((tmp_path / "h.html").as_uri())
    assert visitor.tab.inner_text("#start h1") == question


def test_clicks_and_space_on_a_focused_button_do_what_they_say(page, visit):
    visitor = visit(page.as_uri())
    visitor.start()
    visitor.tab.click("#right")
    visitor.ready()
    visitor.tab.click("#equal")
    visitor.ready()
    assert [vote["choice"] for vote in visitor.votes()] == ["right", "equal"]
    visitor.tab.focus("#undo")
    visitor.press(" ")
    assert [vote["choice"] for vote in visitor.votes()] == ["right"]
    visitor.press(" ")  # the focus is back at the pair
    assert [vote["choice"] for vote in visitor.votes()] == ["right", "equal"]


def test_held_and_hasty_keys_answer_one_pair(page, visit):
    visitor = visit(page.as_uri())
    visitor.start()
    for _ in range(3):
        visitor.tab.keyboard.down("ArrowLeft")  # without `up` these are repeats of one press
    visitor.tab.keyboard.up("ArrowLeft")
    visitor.ready()
    assert len(visitor.votes()) == 1


def test_without_ties_space_answers_nothing(folders, tmp_path, visit):
    (tmp_path / "f.html").write_bytes(study_page(build_study(match(folders), Wishes(ties=False))))
    visitor = visit((tmp_path / "f.html").as_uri())
    visitor.start()
    assert not visitor.tab.is_visible("#equal")
    visitor.press(" ")
    assert visitor.votes() == []


def test_two_people_on_one_device_are_two_raters_in_one_file(page, visit, tmp_path):
    visitor = visit(page.as_uri())
    visitor.start("Ann")
    visitor.press("ArrowLeft")
    visitor.tab.click("#stop")
    visitor.tab.click("#next")
    visitor.start("Bob")
    visitor.answer_all()
    raters = read_votes(visitor.download(tmp_path / "v.json")).raters
    assert [(rater.name, len(rater.votes)) for rater in raters] == [("Ann", 1), ("Bob", 11)]


def test_the_votes_can_be_copied_as_text(page, visit, tmp_path):
    visitor = visit(page.as_uri(), permissions=["clipboard-read", "clipboard-write"])
    visitor.start()
    visitor.press("ArrowLeft")
    visitor.tab.click("#stop")
    visitor.tab.click("#copy")
    visitor.tab.wait_for_selector("#copied:text('Copied')")
    text = visitor.tab.evaluate("navigator.clipboard.readText()")
    assert json.loads(text) == json.loads(visitor.tab.input_value("#text"))
    (tmp_path / "v.json").write_text(text)
    assert len(read_votes(tmp_path / "v.json").raters[0].votes) == 1


@pytest.mark.parametrize("size", [(1280, 800), (390, 844), (844, 390), (320, 568)])
def test_a_pair_fits_the_window_without_scrolling(page, visit, size):
    visitor = visit(page.as_uri(), viewport={"width": size[0], "height": size[1]})
    visitor.start()
    for _ in range(2):  # one picture is wide, another tall
        for name in ("#left img", "#right img", "#equal", "#undo", "#stop", "#count"):
            box = visitor.tab.locator(name).bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= size[0] + 0.5, name
            assert box["y"] >= 0 and box["y"] + box["height"] <= size[1] + 0.5, name
            assert min(box["width"], box["height"]) > (60 if "img" in name else 10)
        visitor.press("ArrowLeft")


def test_served_votes_arrive_and_survive_a_restart_of_the_server(page, study, visit, tmp_path):
    server = StudyServer(page, tmp_path / "v.sqlite")
    port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    visitor = visit(server.url)
    visitor.start("Ann")
    visitor.press("ArrowLeft")
    visitor.tab.wait_for_timeout(500)
    assert len(read_store(tmp_path / "v.sqlite").raters[0].votes) == 1
    server.shutdown()
    server.server_close()
    visitor.press("ArrowRight")
    visitor.tab.wait_for_selector("#trouble:text('not sent yet')")
    server = StudyServer(page, tmp_path / "v.sqlite", port=port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    visitor.answer_all()
    visitor.tab.wait_for_selector("#sent:text('have been received')", timeout=30_000)
    assert len(read_store(tmp_path / "v.sqlite").raters[0].votes) == study.design.trials
    server.shutdown()
    server.server_close()
    visitor.troubles = [text for text in visitor.troubles if "ERR_CONNECTION_REFUSED" not in text]


def test_a_page_on_somebody_elses_web_server_keeps_the_votes_for_export(page, visit, tmp_path):
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(page.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    visitor = visit(f"http://127.0.0.1:{server.server_address[1]}/{page.name}")
    visitor.start()
    visitor.answer_all()
    assert visitor.tab.is_visible("#deliver") and visitor.tab.inner_text("#sent") == ""
    assert len(read_votes(visitor.download(tmp_path / "v.json")).raters) == 1
    server.shutdown()
    server.server_close()
    visitor.troubles = [text for text in visitor.troubles if "404" not in text]


def test_a_browser_that_keeps_nothing_says_so_and_the_votes_can_be_exported(page, visit, tmp_path):
    visitor = visit(page.as_uri())
    visitor.context.add_init_script("Storage.prototype.setItem = () => { throw new Error('full') }")
    visitor.tab.reload()
    visitor.start()
    assert "keeps nothing" in visitor.tab.inner_text("#trouble")
    visitor.press("ArrowLeft")
    visitor.tab.click("#stop")
    assert len(read_votes(visitor.download(tmp_path / "v.json")).raters[0].votes) == 1


def test_two_tabs_of_one_person_stay_one_rater(page, visit):
    visitor = visit(page.as_uri())
    visitor.start()
    visitor.press("ArrowLeft")
    other = visitor.context.new_page()
    other.goto(page.as_uri())
    other.wait_for_selector("#candidates[aria-busy=false]")
    other.wait_for_timeout(250)
    other.keyboard.press("ArrowRight")
    visitor.tab.wait_for_selector("#count:text('3 of')", state="attached")
    visitor.ready()
    visitor.press("ArrowLeft")
    assert [vote["choice"] for vote in visitor.votes()] == ["left", "right", "left"]


def test_the_name_can_come_with_the_address(page, visit):
    assert visit(f"{page.as_uri()}#name=Ann%20B").tab.input_value("#name") == "Ann B"
    visitor = visit(f"{page.as_uri()}#name=%E0%A4%A")  # no UTF-8
    visitor.start("")
    assert visitor.votes() == []


def test_a_page_is_still_its_study_after_the_browser_had_it(page, study, visit):
    visit(page.as_uri())
    assert read_study(Path(page)) == study
