"""Plots of models, answers and studies, with matplotlib (extra `plot`), which is loaded when the first one is drawn.

Each function takes what it draws and, if wanted, the axes to draw it on, and returns the axes. What stands for a
variable or a number has its name as the id (`Artist.get_gid`), in an SVG file too. Nothing is computed here but places
on paper.
"""

from __future__ import annotations

from twitchbayes.plots.answers import history, posterior
from twitchbayes.plots.cohorts import calibration, densities, roc
from twitchbayes.plots.graph import network
from twitchbayes.plots.reasons import questions, tornado, weights

__all__ = ["calibration", "densities", "history", "network", "posterior", "questions", "roc", "tornado", "weights"]
