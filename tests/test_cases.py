"""The columns of a table of cases, as a template has them."""

from __future__ import annotations

import pytest

from twitchbayes import InvalidValueError
from twitchbayes.cases import header
from twitchbayes.model import Model


def test_columns_of_a_template(sites: Model) -> None:
    """Contexts, causes, groups and findings; a group stands for its members, and what is assumed is left out."""
    assert header(sites.knowledge) == ("age", "sex", "lifting", "strain", "palsy", "site", "weak")
    assert header(sites.knowledge, ["weak", "twitching", "twitch_arm"]) == ("twitching", "twitch_arm", "weak")
    assert sites.template("cases", only=["sex"]).columns.tolist() == ["sex"]


def test_an_empty_template_says_nothing(shipped: Model) -> None:
    """A row with nothing in the columns of the template is answered as no evidence is."""
    table = shipped.template("cases")
    table.loc[0] = ""
    answer = shipped.infer_frame(table).iloc[0]
    assert answer[list(shipped.causes)].to_dict() == pytest.approx(dict(shipped.infer()), rel=1e-12)


def test_unknown_columns(sites: Model) -> None:
    """Names that the model does not have are told together."""
    message = r"^the model has no variable 'sx'. Did you mean 'sex'\? the model has no variable 'rash'. It has: age"
    with pytest.raises(InvalidValueError, match=message):
        header(sites.knowledge, ["sx", "weak", "rash"])
