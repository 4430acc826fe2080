# %% [markdown]
# # Tune priors
#
# A sports clinic sees people who twitch. They exercise more than the people of the tables, and nobody has measured by
# how much. **Which numbers of the model can 800 of the clinic's own cases correct, and which can they not?**

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import twitchbayes

scratch = tempfile.TemporaryDirectory()
folder = Path(scratch.name)
model = twitchbayes.load_model("twitch")

# %% [markdown]
# **Priors by hand.** `template` writes the current numbers as a table. The clinic edits it, here or in a spreadsheet.
# It guesses that 60 in 100 have exercised hard, and is fairly sure that it is 40 to 80. A row without a source cites
# the file that it came in.

# %%
rows = model.template("priors", only=["recent_exercise"])
rows[["probability", "low", "high"]] = 0.6, 0.4, 0.8
rows[["basis", "source", "note"]] = "expert", "", "Our guess."
rows.to_csv(folder / "our_priors.csv", index=False)
ours = model.with_priors(folder / "our_priors.csv")
ours.changes

# %% [markdown]
# One number is another one now. `diff` also says which answers it moves most, over all cases for which the model
# comes with an expected answer (its scenarios).

# %%
difference = model.diff(ours)
difference.scenarios.nlargest(5, "move")[["case", "cause", "first", "second", "move"]].round(3)

# %% [markdown]
# **The cases.** They are simulated, so that we know the truth and can see whether tuning finds it. In this clinic 70 in
# 100 people have exercised hard, and 25 in 100 are dehydrated, of which nobody had thought. All other numbers are those
# of the tables. One cell in five is empty, and of the diagnoses every second one.

# %%
truth = {"recent_exercise": 0.70, "dehydration": 0.25}
clinic = model.with_priors({name: (value, value, value) for name, value in truth.items()})
gaps = {"context": 0.2, "finding": 0.2, "cause": 0.5}
cases = clinic.simulate(800, seed=1, given={"twitching": True}, missing=gaps)
cases.to_csv(folder / "cases.csv", index=False)
cases.loc[:4, ["age", "sex", "recent_exercise", "dehydration", "weakness", "cramps", "exercise", "als"]]

# %% [markdown]
# **Tune.** No case is dropped for its gaps. The notes say how the cases were taken to be found, and of what they say
# nothing. *From data* is the share of what is now known of a number that the cases brought.

# %%
tuning = ours.tune(folder / "cases.csv", date="2026-11-22")
tuning

# %% [markdown]
# **Two numbers, before and after.** The first was a guess and the second stood in the tables. The cases moved both to
# the truth (the dotted line), and made both far surer. The axis is even in log odds, on which such densities are
# nearly symmetric.

# %%
from scipy.special import logit

figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for ax, (name, value) in zip(axes, truth.items(), strict=True):
    tuning.plot(f"P({name}=present)", ax=ax)
    ax.axvline(logit(value), color="black", linestyle=":")
    ax.set_title(f"P({name}): {value:.0%} in truth", loc="left")
plt.show()

# %% [markdown]
# **Five intervals.** The axis is logarithmic, because some numbers are small. Of nerve damage the cases say a little. Of ALS
# they say next to nothing: none of the 402 people whose diagnosis is known has it. (Its prior still looks shifted. The
# new bounds are those of the distribution by which the library stands in for the old ones; it was the same before.)

# %%
names = [f"P({name}=present)" for name in truth]
shown = [*names, "P(nerve_damage=present | age=50-59)", "P(weakness | als)", "P(als=present | age=60-69, sex=male)"]
numbers = tuning.report.set_index("number").loc[shown[::-1]]
figure, ax = plt.subplots(figsize=(9, 3.2), layout="constrained")
for name, row in numbers.iterrows():
    ax.plot([row["old_low"], row["old_high"]], [name, name], color="0.6", linewidth=9, solid_capstyle="butt")
    ax.plot([row["new_low"], row["new_high"]], [name, name], color="C0", linewidth=4, solid_capstyle="butt")
ax.set(xscale="log", xlabel="probability, 95% interval (grey: before, blue: after)", ylabel="number")
numbers[["old", "new", "size_before", "size_after", "from_data"]].round(4)

# %% [markdown]
# **How much came from the cases.** A good fifth of the numbers rest more on the cases than on what was known before.
# Nearly half have less than a tenth from them.

# %%
share = tuning.report["from_data"]
print(f"numbers with more than half from the cases: {(share > 0.5).mean():.0%}")
print(f"numbers with less than a tenth from them: {(share < 0.1).mean():.0%}")
figure, ax = plt.subplots(figsize=(9, 2.8), layout="constrained")
ax.hist(100 * share, bins=20)
ax.set(xlabel="what the cases brought, of what is known of a number (%)", ylabel="numbers of the model")
plt.show()

# %% [markdown]
# **In an answer.** Exercise is the cause that the clinic knows more of now: its posterior moves and its interval shrinks. ALS stays
# nearly as unsure as it was, with an upper bound more than ten times the lower one.

# %%
case = {"twitch_location": "leg_foot", "weakness": False, "age": 31}
before, after = (m.infer(case, interval=0.95) for m in (ours, tuning.model))
for cause in ("exercise", "als"):
    old, new = before.intervals[cause], after.intervals[cause]
    print(f"{cause}: {old.posterior:.2g} ({old.low:.2g} to {old.high:.2g}) before,", end=" ")
    print(f"{new.posterior:.2g} ({new.low:.2g} to {new.high:.2g}) after")

# %% [markdown]
# **To keep.** The result is a whole model. Saved, it is a folder of tables; its tuned numbers cite the cases, by
# their hash, beside their earlier sources.

# %%
tuning.model.save(folder / "ours")
kept = twitchbayes.load_model(folder / "ours")
row = kept.parameters.query("child == 'dehydration'").iloc[0]
row[["probability", "low", "high", "basis", "source", "note"]].to_dict()

# %% [markdown]
# **The answer.** The cases correct what many people have: both true values lie in the new intervals, each less than
# half as wide as before. They cannot correct what hardly anybody has: in no prior of ALS by age and sex is even 1 in
# 100 of what is known from them.

# %%
corrected, als = numbers.loc[names], tuning.report["number"].str.startswith("P(als=present |")
assert all(corrected["new_low"] < list(truth.values()))
assert all(list(truth.values()) < corrected["new_high"])
assert all(corrected["new_high"] - corrected["new_low"] < 0.5 * (corrected["old_high"] - corrected["old_low"]))
assert als.sum() == 14
assert tuning.report.loc[als, "from_data"].max() < 0.01
assert kept.fingerprint == tuning.model.fingerprint
scratch.cleanup()
