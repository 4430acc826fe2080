# %% [markdown]
# # Check calibration
#
# A model with the numbers of general adults is used in a neurology clinic, where more people have a serious cause.
# **Are its probabilities calibrated there?**
#
# Calibrated means: of the people to whom it gives 30%, 30 in 100 have it.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import twitchbayes

model = twitchbayes.load_model("twitch")
clinic = twitchbayes.load_model("twitch", population="neurology_clinic")

# %% [markdown]
# **The cases** are simulated, from the general population and from the clinic, so that the truth is known. The links
# (what a disease does) are the same in both; the priors (who comes) are not. One cell in five is empty.

# %%
settings = {"given": {"twitching": True}, "missing": {"context": 0.2, "finding": 0.2}}
at_home = model.simulate(3000, seed=1, **settings)
in_clinic = clinic.simulate(3000, seed=1, **settings)
shares = pd.DataFrame({"general": (at_home == "yes").mean(), "clinic": (in_clinic == "yes").mean()})
(100 * shares.loc[list(model.causes)]).round(1).add_suffix(" (% have it)")

# %% [markdown]
# **Where the model comes from** it is calibrated: each point is a tenth of the cases, its bar the 95% interval of the
# share observed, and the points follow the diagonal. **In the clinic** they lie above it: more people have a serious
# cause than it says.

# %%
home = model.evaluate(at_home, bootstrap=100)
away = model.evaluate(in_clinic, bootstrap=100)
figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
for ax, evaluation, title in zip(axes, [home, away], ["general adults", "neurology clinic"], strict=True):
    evaluation.plot_calibration("serious", ax=ax)
    ax.set_title(title, loc="left")
plt.show()

# %% [markdown]
# **As numbers.** The intercept is in nats of log odds: 0 is right on the whole, above 0 is too low. A slope of 1 is
# right, below 1 too extreme.

# %%
shown = ["prevalence", "mean_predicted", "calibration_intercept", "calibration_slope", "roc_auc"]
rows = {"general adults": home.table, "neurology clinic": away.table}
rows = {where: table.set_index("cause").loc["serious", shown] for where, table in rows.items()}
pd.DataFrame(rows).astype(float).round(3)

# %% [markdown]
# **It still ranks well.** The ROC curve knows only who comes before whom. A model can have a fine one and wrong
# probabilities, so that a ROC curve is no answer to the question.

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 5.6), layout="constrained")
for ax, evaluation, title in zip(axes, [home, away], ["general adults", "neurology clinic"], strict=True):
    evaluation.plot_roc("serious", ax=ax)
    ax.set_title(title, loc="left")
plt.show()

# %% [markdown]
# **With few cases nobody would have seen it.** The first 150 of the same people: most intervals reach the diagonal. That
# is no sign of calibration. It says that 150 cases cannot tell.

# %%
few = model.evaluate(in_clinic[:150], bootstrap=0)
figure, axes = plt.subplots(1, 2, figsize=(10, 4.8), layout="constrained")
for ax, evaluation in zip(axes, (few, away), strict=True):
    evaluation.plot_calibration("serious", ax=ax)
    bins = evaluation.calibration("serious")
    missed = ((bins["mean_predicted"] < bins["low"]) | (bins["mean_predicted"] > bins["high"])).sum()
    ax.set_title(f"{evaluation.used:,} cases: {missed} of {len(bins)} miss the diagonal", loc="left")
plt.show()

# %% [markdown]
# **Mended.** If somebody knows the priors of the clinic, they are laid over the model, which is then calibrated (left). If
# nobody does, 1,000 other cases of the clinic move them (right). Only priors are learned, since the links are the
# same; and with `strength=0.2` the intervals of the tables count for a fifth, since they tell of other people.

# %%
tuning = model.tune(clinic.simulate(1000, seed=2, **settings), learn="priors", strength=0.2)
mended, tuned = (better.evaluate(in_clinic, bootstrap=0) for better in (clinic, tuning.model))
figure, axes = plt.subplots(1, 2, figsize=(10, 4.8), layout="constrained")
titles = ["with the clinic's priors", "tuned to 1,000 other cases"]
for ax, evaluation, title in zip(axes, (mended, tuned), titles, strict=True):
    evaluation.plot_calibration("serious", ax=ax)
    ax.set_title(title, loc="left")
plt.show()

# %% [markdown]
# **All four.** Tuning brings the intercept more than half of the way to 0. Most of the rest is multiple sclerosis, which the
# tables are sure is rare, and which is more than 20 times as common in the clinic: to give up numbers that were so sure
# takes more than 1,000 cases, or a better table.

# %%
models = {"at home": home, "in the clinic": away, "tuned to 1,000 cases": tuned, "priors of the clinic": mended}
rows = {name: evaluation.table.set_index("cause").loc["serious"] for name, evaluation in models.items()}
summary = pd.DataFrame(rows).loc[["calibration_intercept", "calibration_slope", "log_score", "roc_auc"]].astype(float)
sclerosis = tuned.table.set_index("cause").loc["multiple_sclerosis"]
print(f"multiple sclerosis: {sclerosis['prevalence']:.1%} have it, tuned: {sclerosis['mean_predicted']:.1%}")
summary.round(3)

# %% [markdown]
# **The answer.** No. In the clinic P(serious) is too low, although it ranks nearly as well as a model with the right
# priors. With these it is calibrated, and with numbers tuned to 1,000 cases it comes nearer.

# %%
intercept = summary.loc["calibration_intercept"]
assert abs(intercept["at home"]) < 0.1
assert abs(intercept["priors of the clinic"]) < 0.1
assert intercept["in the clinic"] > 0.5
assert sclerosis["mean_predicted"] < sclerosis["prevalence"] / 2
assert 0 < intercept["tuned to 1,000 cases"] < intercept["in the clinic"] / 2
assert summary.loc["roc_auc", "priors of the clinic"] - summary.loc["roc_auc", "in the clinic"] < 0.02
