"""A model to ask: its tables, the network compiled from them, and the doors `infer` and `load_model`."""

from __future__ import annotations

import importlib.resources
import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from twitchbayes import card, consistency, display
from twitchbayes import knowledge as knowledge_module
from twitchbayes import priors as priors_module
from twitchbayes.cases import header
from twitchbayes.errors import InvalidValueError, ModelNotFoundError, did_you_mean
from twitchbayes.studies import Studies

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd
    from matplotlib.axes import Axes
    from pgmpy.models import DiscreteBayesianNetwork

    from twitchbayes.chains import Form
    from twitchbayes.differences import Difference
    from twitchbayes.posterior import Posterior
    from twitchbayes.priors import PriorsLike

__all__ = ["Model", "ModelInfo", "infer", "list_models", "load_model"]

TEMPLATES = ("priors", "cases")


class ModelInfo(NamedTuple):
    """A model that ships with the library."""

    name: str
    title: str
    version: str
    populations: tuple[str, ...]


class Model(Studies):
    """A compiled model; `load_model` makes one.

    Parameters
    ----------
    knowledge : Knowledge
        Checked tables.
    changes : tuple of Change, optional
        What `with_priors` changed against the tables of the folder.
    """

    def with_priors(self, priors: PriorsLike) -> Model:
        """Return the model with some of its priors replaced; this one stays as it is.

        Parameters
        ----------
        priors : path, pandas.DataFrame or mapping
            Rows of `priors.csv` (`variable` and `probability` at least), or a mapping of a variable, or
            of a pair (variable, given), to a probability or to (probability, low, high). A row replaces
            the one with the same variable, given and state. Where the rows of a variable use other
            `given` variables, they replace all its rows and must be complete.

        Returns
        -------
        Model
            Its `changes` list every number that is not as before.

        Raises
        ------
        ModelTableError
            With every problem of the new rows, by file and line.
        """
        table, citation, problems = priors_module.read(self.knowledge, priors)
        merged = knowledge_module.overlay(self.knowledge, table, citations=[citation], problems=problems)
        changes = priors_module.changes(self.knowledge, merged)
        return Model(merged, changes=priors_module.since(self.changes, changes))

    def at_population(self, name: str | None) -> Model:
        """Return the model with the priors of one of its settings (`populations/<name>.csv`).

        Raises
        ------
        ModelNotFoundError
            If the model has no such setting.
        InvalidValueError
            If other priors are laid over the model already: a setting would undo some of them unseen.
        """
        if name is None or name == self.population:
            return self
        if self.population is not None or self.changes:
            laid = f"population {self.population!r}" if self.population else f"{len(self.changes)} changed numbers"
            message = f"population {name!r} cannot be laid over {laid}; start from the model as it was loaded"
            raise InvalidValueError(message)
        return Model(self.knowledge.at_population(name))

    def template(self, what: str = "priors", *, only: Collection[str] = ()) -> pd.DataFrame:
        """Return a table to be filled in or edited.

        Parameters
        ----------
        what : {"priors", "cases"}, default "priors"
            "priors" are the rows of `priors.csv` as they stand: `with_priors` takes them back, and unedited
            they give the same model, fingerprint included. "cases" has the columns of a table of cases and
            no row (`twitchbayes.cases.header`).
        only : collection of str
            The variables that are wanted; all of them where it is empty.

        Returns
        -------
        pandas.DataFrame
            Of "priors", `probability`, `low` and `high` are fractions, all other cells text.

        Raises
        ------
        InvalidValueError
            If there is no such table, or no such variable in it.
        """
        import pandas as pd

        if what not in TEMPLATES:
            message = f"template {what!r} is none of {', '.join(TEMPLATES)}"
            raise InvalidValueError(message)
        if what == "cases":
            return pd.DataFrame(columns=list(header(self.knowledge, only)), dtype=object)
        table = priors_module.template(self.knowledge, only)
        cells = {c: [row[c] for row in table.rows] for c in table.columns}
        numbers = {c: [float(cell) for cell in cells[c]] for c in priors_module.NUMBERS}
        return pd.DataFrame({**cells, **numbers})

    def diff(self, other: Model) -> Difference:
        """Compare this model, the first, with another one, the second; see `twitchbayes.differences.compare`."""
        from twitchbayes.differences import compare

        if not hasattr(other, "knowledge"):
            message = f"{other!r} is no model to compare with; give what load_model returns"
            raise InvalidValueError(message)
        return compare(self, other)

    @property
    def parameters(self) -> pd.DataFrame:
        """Every number of the model, one row each, with its interval, basis, sources and place.

        Columns: `kind` (context, cause, leak or link), `parent`, `child`, `given`, `state`, `form`,
        `probability`, `low`, `high` (fractions), `basis`, `source`, `note`, `file`, `line`.
        """
        import pandas as pd

        role = {name: v.role for name, v in self.knowledge.variables.items()}
        rows: list[dict[str, Any]] = []
        for prior in self.knowledge.priors:
            given = ";".join(f"{name}={state}" for name, state in prior.given)
            head = {"kind": role[prior.variable], "parent": "", "child": prior.variable, "given": given}
            rows.append({**head, "state": prior.state, "form": "", **_number_columns(prior.number)})
        for link in self.knowledge.links:
            kind = "leak" if link.parent == "leak" else "link"
            given = ";".join(f"{name}={state}" for name, state in link.given)
            head = {"kind": kind, "parent": link.parent, "child": link.child, "given": given}
            rows.append({**head, "state": link.state, "form": link.form, **_number_columns(link.number)})
        return pd.DataFrame(rows)

    def implied_facts(self) -> list[consistency.Implied]:
        """Return the rows of `check` without making a frame of them."""
        return consistency.compare(self.knowledge, self._words, self._engine)

    def check(self) -> pd.DataFrame:
        """Compare the facts of `checks.csv`, which no parameter depends on, with what the model implies.

        Returns
        -------
        pandas.DataFrame
            One row a fact: `check`, `quantity`, `fact`, `low`, `high`, `implied`, `inside` (is the
            implied value in the fact's interval?), `distance_nats` (ln of implied over the nearer
            bound, 0 inside), `expected` (False where the table says that it lies outside, for the
            reason in `note`), `basis`, `source`, `note`.

        Raises
        ------
        ModelTableError
            With every row that cannot be read, by line.
        """
        import pandas as pd

        frame = pd.DataFrame(self.implied_facts(), columns=list(consistency.Implied._fields))
        frame["sources"] = [";".join(sources) for sources in frame["sources"]]
        return frame.rename(columns={"sources": "source"})

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the model's tables into a new folder, unchanged files byte for byte.

        The folder appears whole or not at all.

        Raises
        ------
        FileExistsError
            If the folder exists and is not empty: nothing is overwritten.
        """
        target = Path(folder)
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            message = f"{str(target)!r} exists and is not an empty folder; choose another, nothing is overwritten"
            raise FileExistsError(message)
        target.parent.mkdir(parents=True, exist_ok=True)
        knowledge = self.knowledge
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".saving-") as scratch:
            draft = Path(scratch) / "model"
            draft.mkdir()
            (draft / "model.toml").write_bytes(knowledge.meta_raw)
            for file, table in knowledge.tables.items():
                (draft / file).write_bytes(table.to_bytes())
            if knowledge.populations:
                (draft / "populations").mkdir()
            for name, table in knowledge.populations.items():
                (draft / "populations" / f"{name}.csv").write_bytes(table.to_bytes())
            if target.exists():
                target.rmdir()
            shutil.move(draft, target)
        return target

    def to_pgmpy(self, tables: Form = "chains") -> DiscreteBayesianNetwork:
        """Return the model as a pgmpy network.

        Parameters
        ----------
        tables : {"chains", "full"}, default "chains"
            "chains" writes a variable of many parents as a chain of small tables, whose size grows with the links;
            "full" writes one table a variable, over every joint state of its parents. Both say the same. See
            `twitchbayes.chains` for the names of the nodes between.
        """
        from twitchbayes.interop import to_pgmpy

        return to_pgmpy(self.network, tables)

    def to_networkx(self) -> nx.DiGraph:
        """Return the model as a directed graph; see `twitchbayes.interop.to_networkx`."""
        from twitchbayes.interop import to_networkx

        return to_networkx(self.knowledge, self.network)

    def export(self, file: str | os.PathLike[str], *, tables: Form = "chains") -> Path:
        """Write the network as BIF, XMLBIF, XDSL, NET or UAI, by the file's suffix; `tables` as in `to_pgmpy`."""
        from twitchbayes.interop import export

        return export(self.network, Path(file), tables)

    def card(self, file: str | os.PathLike[str]) -> Path:
        """Write the model card, generated from the tables, as Markdown, and its picture beside it as SVG."""
        path = Path(file)
        drawing = path.with_suffix(".svg")
        text = card.markdown(self, self.implied_facts(), picture_file=drawing.name)
        drawing.write_text(card.picture(self.knowledge), encoding="utf-8", newline="\n")
        path.write_text(text, encoding="utf-8", newline="\n")
        return path

    def plot(self, posterior: Posterior | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw the network in three layers; see `twitchbayes.plots.network`.

        Parameters
        ----------
        posterior : Posterior, optional
            An answer of the model, which is coloured in.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure otherwise.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        InvalidValueError
            If matplotlib is missing (extra `plot`), or the posterior is of a model with other variables.
        """
        from twitchbayes import plots

        return plots.network(self, posterior, ax=ax)

    def describe(self) -> str:
        """Return one line: name, version, population and window."""
        meta = self.knowledge.meta
        setting = self.population or meta["population"]
        count = len(self.changes)
        changed = f", {count} number{'s' * (count > 1)} changed" if count else ""
        return f"{self.name} {self.version} ({setting}; window: {meta['window']}{changed})"

    def __repr__(self) -> str:
        sizes = f"{len(self.contexts)} contexts, {len(self.causes)} causes, {len(self.findings)} findings"
        numbers = f"{len(self.knowledge.priors) + len(self.knowledge.links)} numbers"
        return f"<Model {self.describe()}: {sizes}, {numbers} from {len(self.knowledge.citations)} sources>"

    def _repr_html_(self) -> str:
        return display.model_as_html(self)


def _number_columns(number: knowledge_module.Number) -> dict[str, Any]:
    return {
        "probability": number.probability,
        "low": number.low,
        "high": number.high,
        "basis": number.basis,
        "source": ";".join(number.sources),
        "note": number.note,
        "file": number.file,
        "line": number.line,
    }


def list_models() -> list[ModelInfo]:
    """Return the models that ship with the library."""
    infos = []
    for name in sorted(_shipped()):
        model = load_model(name)
        meta = model.knowledge.meta
        infos.append(ModelInfo(name, meta["title"], meta["version"], tuple(model.knowledge.populations)))
    return infos


def load_model(model: str | os.PathLike[str] | Model = "twitch", *, population: str | None = None) -> Model:
    """Return a model.

    Parameters
    ----------
    model : str, path or Model, default "twitch"
        Name of a shipped model, or a folder of tables. A model is returned as it is.
    population : str, optional
        One of the model's settings, whose priors are laid over its own.

    Raises
    ------
    ModelNotFoundError
        If there is no such model, folder or setting; the message lists what there is.
    ModelTableError
        With every problem of the folder's tables.
    """
    if isinstance(model, Model):
        return model.at_population(population)
    if isinstance(model, str) and model in _shipped():
        return _load_shipped(model, population)
    folder = Path(model)
    if not folder.is_dir():
        hint = did_you_mean(str(model), _shipped())
        message = f"there is no model and no folder {os.fspath(model)!r}.{hint}"
        raise ModelNotFoundError(message)
    return Model(knowledge_module.read(folder.resolve()).at_population(population))


def infer(
    evidence: Mapping[str, Any] | None = None,
    /,
    *,
    model: str | os.PathLike[str] | Model = "twitch",
    population: str | None = None,
    priors: PriorsLike | None = None,
    virtual_evidence: Mapping[str, Any] | None = None,
    interval: float | None = None,
    **named: Any,
) -> Posterior:
    """Return the posterior of every cause given what is known.

    `infer(evidence, model=m, population=p, priors=q, **named)` stands for
    `load_model(m, population=p).with_priors(q).infer(evidence, **named)`; see `Model.infer`.

    Examples
    --------
    >>> import twitchbayes
    >>> p = twitchbayes.infer(weakness=True, twitch_location="arm_hand", age=62)
    >>> p.assumed
    {}
    >>> round(sum(p.joint(["als", "anemia"])["probability"]), 12)
    1.0
    """
    chosen = load_model(model, population=population)
    if priors is not None:
        chosen = chosen.with_priors(priors)
    return chosen.infer(evidence, virtual_evidence=virtual_evidence, interval=interval, **named)


@lru_cache(maxsize=32)
def _load_shipped(name: str, population: str | None) -> Model:
    if population is not None:
        return _load_shipped(name, None).at_population(population)
    return Model(knowledge_module.read(_shipped()[name], name=name))


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Any]:
    """Model folders inside the installed package, or at the root of the repository it is run from."""
    package = importlib.resources.files("twitchbayes") / "models"
    # An editable install has no files put into the package at build time.
    repository = Path(__file__).resolve().parents[2] / "models"
    root = package if package.is_dir() else repository
    if not root.is_dir():
        return {}
    return {folder.name: folder for folder in root.iterdir() if (folder / "model.toml").is_file()}
