"""The explorer as an anywidget: its traits, and the messages between the page and the case."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from twitchbayes.errors import TwitchbayesError
from twitchbayes.explorer.case import Case
from twitchbayes.explorer.export import Origin, as_json
from twitchbayes.explorer.shown import failure, shown, structure
from twitchbayes.model import Model
from twitchbayes.posterior import Posterior

__all__ = ["Explorer"]

HERE = Path(__file__).parent
SAID = ("evidence", "adjusted", "selected")


class Explorer(anywidget.AnyWidget):
    """A model to explore; `twitchbayes.explore` makes one.

    Attributes
    ----------
    evidence : dict of str to str
        What is known, variable to state. Set it to anything that `infer` takes, by variable or group; it then
        holds what those words mean. None says that something is unknown that the model would assume.
    posterior : dict of str to float
        P(cause | evidence), the most probable cause first; it follows `evidence` and `adjusted` at once.
    selected : str
        The cause that is explained.
    adjusted : dict of str to float
        Numbers of `priors.csv` that differ from the table, as `P(als=present | sex=male)`.
    structure, shown : dict
        What the page draws: the model, once, and the case after every act. They cannot be set.
    """

    _esm = HERE / "explorer.js"
    _css = HERE / "explorer.css"

    evidence = traitlets.Dict().tag(sync=True)
    posterior = traitlets.Dict(read_only=True).tag(sync=True)
    selected = traitlets.Unicode().tag(sync=True)
    adjusted = traitlets.Dict().tag(sync=True)
    structure = traitlets.Dict(read_only=True).tag(sync=True)
    shown = traitlets.Dict(read_only=True).tag(sync=True)

    def __init__(self, origin: Origin, evidence: Mapping[str, Any] | None = None) -> None:
        self._case = Case(origin, evidence)
        self._telling = False
        self.set_trait("structure", structure(self._case))
        self._tell()
        super().__init__()
        self.on_msg(self._heard)

    @property
    def model(self) -> Model:
        """The model, without adjusted numbers."""
        return self._case.model

    @property
    def answer(self) -> Posterior:
        """The answer to the case as it stands, by the model with the adjusted numbers."""
        return self._case.answer

    def undo(self) -> None:
        """Take the last step back, where there is one."""
        self._case.undo()
        self._tell()

    def redo(self) -> None:
        """Take the step again that was undone."""
        self._case.redo()
        self._tell()

    def clear(self) -> None:
        """Forget everything that was said; adjusted numbers stay."""
        self._case.clear()
        self._tell()

    def to_python(self) -> str:
        """Return Python code that gives the answer again."""
        return self._case.to_python()

    def to_json(self) -> str:
        """Return the case as JSON: `evidence` and `priors` in it are what `infer` takes again."""
        return as_json(self._case.to_document())

    @traitlets.validate(*SAID)
    def _take(self, proposal: Any) -> Any:
        """Take what was set from Python, or raise and stay as it is."""
        name = proposal["trait"].name
        if not self._telling:
            self._put(name, proposal["value"])
            if self._own(name) == getattr(self, name):  # no change will be noticed, though a number within a band may
                self._tell()
        return self._own(name)

    @traitlets.observe(*SAID)
    def _taken(self, _: Any) -> None:
        # Before any other observer, so that all of them see one case.
        if not self._telling:
            self._tell()

    def _put(self, name: str, value: Any) -> None:
        case = self._case
        takers = {"evidence": case.replace, "adjusted": case.replace_adjusted, "selected": case.select}
        takers[name](value)

    def _own(self, name: str) -> Any:
        case = self._case
        own = {"evidence": case.evidence, "adjusted": dict(case.state.adjusted), "selected": case.selected}
        return own[name]

    def _tell(self, message: Mapping[str, Any] | None = None, act: Any = None) -> None:
        """Write the case into the traits: at once for who observes them, and in one message to the page."""
        self._telling = True
        try:
            with self.hold_sync(), self.hold_trait_notifications():
                for name in SAID:
                    setattr(self, name, self._own(name))
                self.set_trait("posterior", dict(self._case.answer))
                self.set_trait("shown", shown(self._case, message, act))
        finally:
            self._telling = False

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take traits that a page has set; what cannot be taken is told in the widget, where the reader is."""
        rest = {name: value for name, value in sync_data.items() if name not in SAID}
        if rest:
            super().set_state(rest)
        for name in SAID:
            if name in sync_data and sync_data[name] != self._own(name):
                self._try(partial(self._put, name, sync_data[name]), sync_data[name])

    def _heard(self, _: Any, content: Any, __: Any) -> None:
        """Take a message of the page: an act, or that it asks for more."""
        if content.get("kind") == "more":
            piece = self._case.more(content.get("serial"), content.get("place"))
            if piece is not None:
                self.send(piece)
            return
        self._try(partial(self._case.act, content), (content.get("variable"),), act=content.get("act"))

    def _try(self, take: Callable[[], None], about: Iterable[Any], act: Any = None) -> None:
        message = None
        try:
            take()
        except TwitchbayesError as error:
            self._case.refresh()
            message = failure(self._case, error, about)
        self._tell(message, act)
