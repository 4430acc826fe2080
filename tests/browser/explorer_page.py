"""The explorer as a reader of the page has it: what it shows, and what can be done to it."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

# From the click until the explorer shows another answer and the browser has drawn it; and until its details came.
CLICK = """async (root, [variable, word]) => {
  const question = root.querySelector(`fieldset[data-variable="${variable}"]`);
  const label = [...question.querySelectorAll("label")].find(one => one.textContent.trim() === word);
  const changed = (attribute, holds) => new Promise(done => {
    const watch = new MutationObserver(() => holds(root.getAttribute(attribute)) && (watch.disconnect(), done()));
    watch.observe(root, {attributes: true});
    if (holds(root.getAttribute(attribute))) { watch.disconnect(); done(); }
  });
  const drawn = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  const before = root.dataset.serial, start = performance.now();
  label.click();
  await changed("data-serial", serial => serial !== before);
  await drawn();
  const bars = performance.now() - start;
  await changed("data-settled", settled => settled === "true");
  return [bars, performance.now() - start];
}"""


class Timed(NamedTuple):
    """Milliseconds from clicks to moved bars and to the details, medians."""

    clicks: int
    bars: float
    details: float

    def __str__(self) -> str:
        return f"click to bars {self.bars:.0f} ms (median of {self.clicks}), details {self.details:.0f} ms"


class Shown:
    """The explorer of a page.

    Parameters
    ----------
    page : Page
    number : int
        Which one, where the page has several views.
    """

    def __init__(self, page: Page, number: int = 0) -> None:
        self.page = page
        self.root: Locator = page.locator("section.tb-explorer").nth(number)

    def ready(self) -> Shown:
        """Wait until it shows an answer with its details."""
        self.root.wait_for()
        self.settled()
        return self

    def anew(self) -> None:
        """Forget all answers and all moved numbers."""
        for name in ("Clear", "Reset all"):
            if self.button(name).count() and self.button(name).is_enabled():
                self.after(self.button(name).click)

    def settled(self) -> None:
        """Wait until the details of the answer have come."""
        from playwright.sync_api import expect

        expect(self.root).to_have_attribute("data-settled", "true", timeout=10_000)

    def after(self, act: Callable[[], object]) -> None:
        """Do something and wait until another answer is shown, with its details."""
        from playwright.sync_api import expect

        serial = self.root.get_attribute("data-serial") or ""
        act()
        expect(self.root).not_to_have_attribute("data-serial", serial, timeout=10_000)
        self.settled()

    def question(self, variable: str) -> Locator:
        return self.root.locator(f'[data-variable="{variable}"]')

    def answer(self, variable: str, word: str) -> Locator:
        return self.question(variable).get_by_label(word, exact=True)

    def set(self, variable: str, word: str) -> None:
        """Answer a question by the mouse."""
        self.after(lambda: self.answer(variable, word).click())

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def panel(self, name: str) -> Locator:
        return self.root.locator(f'[data-panel="{name}"]')

    def cause(self, name: str) -> Locator:
        return self.root.locator(f'[data-cause="{name}"]')

    def probability(self, cause: str) -> float:
        return float(self.cause(cause).get_attribute("data-probability") or "nan")

    def probabilities(self) -> dict[str, float]:
        """Every cause shown, in the order shown, with its number."""
        rows: list[Any] = self.root.locator("[data-cause]").evaluate_all(
            "rows => rows.map(row => [row.dataset.cause, row.dataset.probability])"
        )
        return {cause: float(text) for cause, text in rows}

    def timed(self, clicks: int) -> Timed:
        """Answer a question to and fro, and tell how long it took."""
        words = ["yes", "no"] * clicks
        took = [self.root.evaluate(CLICK, ["weakness", word]) for word in words[:clicks]]
        return Timed(clicks, *(statistics.median(column) for column in zip(*took, strict=True)))


def run_cell(page: Page, number: int = 0) -> None:
    """Run a cell of the notebook that a page of Jupyter shows, when its kernel is there."""
    from playwright.sync_api import expect

    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(state="attached")
    prompt = page.locator(".jp-CodeCell .jp-InputPrompt").nth(number)
    for _ in range(5):
        page.locator(".jp-CodeCell .cm-content").nth(number).click()
        page.keyboard.press("Shift+Enter")
        try:
            return expect(prompt).not_to_have_text("[ ]:", timeout=3_000)
        except AssertionError:
            continue  # while it starts, JupyterLab may take the focus away between click and key
    raise AssertionError(f"cell {number} does not run")
