"""The model card: complete, current, and safe for whatever the tables say."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import twitchbayes
from models import SHIPPED, load
from twitchbayes import card
from twitchbayes.model import Model

DOCS = Path(__file__).resolve().parents[1] / "docs" / "models"


@pytest.mark.parametrize("name", SHIPPED)
def test_card_in_the_docs_is_current(name: str, tmp_path: Path) -> None:
    """`twitchbayes card NAME -o docs/models/NAME.md` would change nothing."""
    made = twitchbayes.load_model(name).card(tmp_path / f"{name}.md")
    for suffix in (".md", ".svg"):
        kept = (DOCS / f"{name}{suffix}").read_text(encoding="utf-8")
        assert made.with_suffix(suffix).read_text(encoding="utf-8") == kept, (
            f"run: twitchbayes card {name} -o docs/models/{name}.md"
        )


def test_every_number_and_source_is_named(shipped: Model) -> None:
    """Each row of priors, links and sources is a row of the card."""
    text = card.markdown(shipped, shipped.implied_facts(), picture_file="x.svg")
    knowledge = shipped.knowledge
    for prior in knowledge.priors:
        assert f"`P({prior.variable}={prior.state}" in text
    for link in knowledge.links:
        assert f"`P({link.child} | {link.parent})`".replace("|", "\\|") in text
    for citation in knowledge.citations.values():
        assert citation.citation.replace("|", "\\|") in text


def test_picture_is_well_formed(shipped: Model) -> None:
    """The picture is XML, with a box for every variable and a line for every link."""
    root = ET.fromstring(card.picture(shipped.knowledge))
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    variables = [v for v in shipped.knowledge.variables.values() if v.role != "group"]
    assert tags.count("text") == len(variables)
    assert tags.count("line") >= sum(link.parent != "leak" for link in shipped.knowledge.links)


def test_pipes_and_markup_stay_text(folder: Path) -> None:
    """A label with a pipe does not break the table, nor one with markup the picture."""
    model = load(
        folder,
        variables="""
            variable,role,label,definition
            flu,cause,"a | b",<script>x</script>
            fever,finding,fever,
            """,
        priors="variable,probability\nflu,0.1\n",
        links="parent,child,probability\nleak,fever,0.1\nflu,fever,0.5\n",
    )
    row = next(
        line for line in card.markdown(model, [], picture_file="x.svg").splitlines() if line.startswith("| `flu`")
    )
    assert row.replace("\\|", "").count("|") == 7
    assert "<script>" not in row
