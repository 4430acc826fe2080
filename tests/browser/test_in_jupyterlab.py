"""The explorer in JupyterLab: everything that can be done to it, by mouse, by keyboard and from Python."""

from __future__ import annotations

import json
from typing import Any

import pytest
from explorer_page import Shown, run_cell
from hosts import Host

import twitchbayes
from twitchbayes.display import percent
from twitchbayes.explorer.numbers import adjustable

pytestmark = pytest.mark.browser

SITE = "twitch_arm_hand"
PLACE = "(slider, step) => Number(slider.min) + step * Number(slider.step)"
STEP = f"(slider, step) => {{ slider.value = ({PLACE})(slider, step); slider.dispatchEvent(new Event('input')); }}"
ACTIVE = "root => root.getRootNode().activeElement"


def expected(**evidence: Any) -> dict[str, float]:
    """What the library says of a case, without a page."""
    return dict(twitchbayes.infer(evidence))


def same(shown: Shown, numbers: dict[str, float]) -> bool:
    """Whether the page shows these numbers, and writes each of them as the library does."""
    rows = shown.probabilities()
    assert rows == pytest.approx(numbers, abs=1e-12)
    assert all(percent(number) in (shown.cause(cause).text_content() or "") for cause, number in rows.items())
    return True


def test_answers_undone_and_unknown(explorer: Shown) -> None:
    """Weakness moves the bars; undo, redo and unknown lead to the numbers of what is then known."""
    explorer.set("weakness", "yes")
    assert same(explorer, expected(weakness=True))
    explorer.after(explorer.button("Undo").click)
    assert same(explorer, expected())
    explorer.after(explorer.button("Redo").click)
    assert same(explorer, expected(weakness=True))
    explorer.set("weakness", "no")
    assert same(explorer, expected(weakness=False))
    explorer.set("weakness", "unknown")
    assert same(explorer, expected())
    assert not explorer.answer("weakness", "yes").is_checked()


def test_numbers_and_sites(explorer: Shown) -> None:
    """An age and a site are answers too."""
    age = explorer.question("age")
    age.fill("62")
    explorer.after(lambda: age.press("Enter"))
    explorer.after(explorer.question(SITE).click)
    assert same(explorer, expected(age=62, **{SITE: True}))
    assert explorer.question(SITE).get_attribute("aria-label").endswith(": yes")


def test_intervals_follow(explorer: Shown) -> None:
    """The interval of a bar is that of the library, and holds the bar."""
    explorer.set("weakness", "yes")
    interval = twitchbayes.infer(weakness=True, interval=0.95).intervals["als"]
    row = explorer.cause("als")
    assert float(row.get_attribute("data-low")) == pytest.approx(interval.low, abs=1e-12)
    assert float(row.get_attribute("data-high")) == pytest.approx(interval.high, abs=1e-12)


def test_a_slider_moves_a_prior(explorer: Shown) -> None:
    """A number that is moved gives the answer of `with_priors`; reset brings the table's back."""
    explorer.after(explorer.cause("als").get_by_role("button").click)
    slider = explorer.panel("numbers").locator("input[type=range]").first
    name = slider.get_attribute("data-number")
    for _ in range(3):
        explorer.after(lambda: slider.press("ArrowRight"))
    value = float(slider.get_attribute("data-value"))
    model = twitchbayes.load_model("twitch")
    prior = adjustable(model.knowledge)[name]
    assert value > prior.number.probability
    own = (prior.variable, ";".join("=".join(part) for part in prior.given))
    moved = model.with_priors({own: (value, min(prior.number.low, value), max(prior.number.high, value))})
    assert same(explorer, dict(moved.infer()))
    explorer.after(explorer.panel("numbers").locator(f'[data-reset="{name}"]').click)
    assert same(explorer, expected())


def test_the_best_question_is_one_click_away(explorer: Shown) -> None:
    """The question that the library would ask next is marked, and a click brings the focus to it."""
    explorer.set("weakness", "yes")
    best = explorer.panel("next").locator("[data-ask][data-best]")
    name = twitchbayes.infer(weakness=True).next_questions(1)[0].variable
    assert best.get_attribute("data-ask") == name
    best.click()
    focused = explorer.root.evaluate_handle(ACTIVE).as_element()
    assert explorer.question(name).evaluate("(question, focused) => question.contains(focused)", focused)


def test_the_selected_cause_is_explained(explorer: Shown) -> None:
    """The explanation names the findings with the sentences of the library."""
    explorer.set("weakness", "yes")
    explorer.after(explorer.cause("als").get_by_role("button").click)
    item = explorer.panel("explanation").locator('[data-item~="weakness"]')
    assert item.count() == 1
    explorer.after(explorer.cause("stress").get_by_role("button").click)
    assert (
        twitchbayes.load_model("twitch").knowledge.variables["stress"].label
        in explorer.panel("explanation").inner_text()
    )


def test_details_of_the_answer_before_say_so(explorer: Shown) -> None:
    """Reasons and questions beside a newer answer are marked as older, until their own come."""
    state = """(root, word) => new Promise(done => {
      new MutationObserver((_, watch) => {
        watch.disconnect();
        done([...root.querySelectorAll("[data-older]")].map(one => [one.dataset.panel, one.ariaBusy]));
      }).observe(root, {attributes: true, attributeFilter: ["data-serial"]});
      root.querySelector(`[data-variable="weakness"] input[data-state="${word}"]`).click();
    })"""
    assert explorer.root.evaluate(state, "present") == [["next", "true"], ["explanation", "true"]]
    explorer.settled()
    assert explorer.root.locator("[data-older], [aria-busy]").count() == 0


def test_a_question_is_found_behind_the_filter_in_a_closed_section(explorer: Shown) -> None:
    """What is asked next gets the focus, though its section is closed and filtered out."""
    explorer.set("weakness", "yes")
    name = explorer.panel("next").locator("[data-ask]").first.get_attribute("data-ask") or ""
    explorer.root.evaluate("root => root.querySelectorAll('.tb-section').forEach(one => { one.open = false; })")
    explorer.root.get_by_role("searchbox").fill("no question has this")
    explorer.panel("next").locator("[data-ask]").first.click()
    focused = explorer.root.evaluate_handle(ACTIVE).as_element()
    assert explorer.question(name).evaluate("(question, focused) => question.contains(focused)", focused)
    explorer.root.evaluate("root => root.querySelectorAll('.tb-section').forEach(one => { one.open = true; })")


def test_every_step_of_a_slider_moves_it_and_reset_keeps_the_focus(explorer: Shown) -> None:
    """At 70 of 200 steps this number was once rounded back to where it had been."""
    age = explorer.question("age")
    age.fill("75")
    explorer.after(lambda: age.press("Enter"))
    explorer.set("sex", "female")
    explorer.after(explorer.cause("stress").get_by_role("button").click)
    slider = explorer.panel("numbers").locator('[data-number="P(anxiety=present | age=70-79, sex=female)"]')
    explorer.root.evaluate("root => root.querySelectorAll('.tb-sliders').forEach(one => { one.open = true; })")
    explorer.after(lambda: slider.evaluate(STEP, 70))
    before = float(slider.get_attribute("data-value") or "nan")
    explorer.after(lambda: slider.press("ArrowRight"))
    assert float(slider.get_attribute("data-value") or "nan") > before
    assert float(slider.input_value()) == pytest.approx(slider.evaluate(PLACE, 71), abs=1e-9)
    reset = explorer.panel("numbers").locator("[data-reset]:not([aria-disabled=true])")
    reset.focus()
    explorer.after(lambda: explorer.page.keyboard.press("Enter"))
    assert explorer.root.evaluate(f"root => ({ACTIVE})(root).dataset.reset") == slider.get_attribute("data-number")


def test_copied_code_gives_the_same_number(explorer: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    """The code that is copied, run by Python, has the number of the bar."""
    explorer.set("weakness", "yes")
    explorer.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    explorer.button("Copy as Python").click()
    explorer.page.get_by_text("Copied.").wait_for()
    names: dict[str, Any] = {}
    exec(explorer.page.evaluate("navigator.clipboard.readText()"), names)
    assert names["posterior"]["als"] == explorer.probability("als")
    assert "ALS" in capsys.readouterr().out
    area = explorer.root.get_by_label("Python code")
    before = area.input_value()
    explorer.set("weakness", "no")
    assert area.input_value() == before.replace("present", "absent")


def test_the_case_is_exported(explorer: Shown) -> None:
    """The file of a case is JSON that `infer` answers with the same number."""
    explorer.set("weakness", "yes")
    with explorer.page.expect_download() as waiting:
        explorer.button("Export case (JSON)").click()
    document = json.loads(waiting.value.path().read_text(encoding="utf-8"))
    assert twitchbayes.infer(document["evidence"])["als"] == explorer.probability("als")


def test_keyboard_alone(explorer: Shown) -> None:
    """Weakness can be answered without a mouse: Tab leads to it, the arrows choose."""
    explorer.root.get_by_role("searchbox").focus()
    here = "weakness => weakness.contains(weakness.getRootNode().activeElement)"
    for _ in range(60):
        if explorer.question("weakness").evaluate(here):
            break
        explorer.page.keyboard.press("Tab")
    assert explorer.question("weakness").evaluate(here)
    explorer.after(lambda: explorer.page.keyboard.press("ArrowUp"))
    explorer.after(lambda: explorer.page.keyboard.press("ArrowUp"))
    assert explorer.answer("weakness", "yes").is_checked()
    assert same(explorer, expected(weakness=True))


def test_what_cannot_be_is_told(explorer: Shown) -> None:
    """Answers that contradict each other are told where the reader is; the case stays, and goes on."""
    explorer.after(explorer.question(SITE).click)
    explorer.after(explorer.answer("twitching", "no").click)
    alert = explorer.root.get_by_role("alert")
    assert alert.is_visible()
    assert alert.locator(f'[data-conflict-item="{SITE}"], [data-conflict-item="twitching"]').count() > 0
    assert same(explorer, expected(**{SITE: True}))
    explorer.set("weakness", "yes")
    assert alert.is_hidden()
    assert same(explorer, expected(weakness=True, **{SITE: True}))


def test_a_number_that_is_none(explorer: Shown) -> None:
    """An age that nobody has is refused with the library's words."""
    age = explorer.question("age")
    age.fill("7")
    explorer.after(lambda: age.press("Enter"))
    assert "age" in explorer.root.get_by_role("alert").inner_text()
    assert same(explorer, expected())


def test_python_and_page_agree(explorer: Shown, served: dict[str, Host]) -> None:
    """What Python sets, the page shows; what is clicked, Python sees."""
    host = served["JupyterLab"]
    explorer.after(lambda: host.said_by_the_kernel("w.evidence = {'weakness': 'yes', 'age': 62}"))
    assert same(explorer, expected(weakness=True, age=62))
    assert explorer.answer("weakness", "yes").is_checked()
    explorer.set("weakness", "no")
    said = host.said_by_the_kernel("said = [w.evidence, w.posterior]")
    assert said[0] == {"weakness": "absent", "age": "60-69"}
    assert said[1] == explorer.probabilities()
    with pytest.raises(RuntimeError, match="weaknes"):
        host.said_by_the_kernel("w.evidence = {'weaknes': 'yes'}")
    assert same(explorer, expected(weakness=False, age=62))


def test_two_views_stay_in_step(explorer: Shown) -> None:
    """A second view of the same widget shows what the first one does, and the other way round."""
    second = Shown(explorer.page, 1)
    if not second.root.count():
        run_cell(explorer.page, 1)
    second.ready()
    explorer.set("weakness", "yes")
    assert same(second, expected(weakness=True))
    assert second.answer("weakness", "yes").is_checked()
    second.set("weakness", "no")
    assert same(explorer, expected(weakness=False))
