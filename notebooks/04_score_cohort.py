# %% [markdown]
# # Score a cohort
#
# A study has questionnaires of 100,000 people who twitch, and can examine 1 in 10 of them. **If it takes those with the
# highest P(serious), how many of the people with a serious cause does it find?**
#
# The people are simulated from the tables, so that the truth is known. The answer holds for people who are as the
# tables say.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import twitchbayes

model = twitchbayes.load_model("twitch")

# %% [markdown]
# **The cohort.** Three cells in ten are empty, which says nothing: it does not say *no*. The columns of the causes are the
# truth, and are taken out before anything is asked.

# %%
people = model.simulate(100_000, seed=1, given={"twitching": True}, missing=0.3)
serious = [cause.name for cause in model.knowledge.of_role("cause") if cause.serious]
truth = (people[serious] == "yes").any(axis=1)
cohort = people.drop(columns=list(model.causes))
print(f"{truth.mean():.1%} have a serious cause, that is one of: {', '.join(serious)}")
cohort.iloc[:5, :9]

# %% [markdown]
# **One call for all.** A row of the answer is what `infer` makes of the same row. We time `infer` on 100 rows, one
# after the other, and compare: people a second, and the answers.

# %%
start = time.perf_counter()
answers = model.infer_frame(cohort, progress=False)
table = (time.perf_counter() - start) / len(cohort)
start = time.perf_counter()
few = [model.infer(cohort.loc[i]).serious for i in range(100)]
loop = (time.perf_counter() - start) / len(few)
print(f"a second: {1 / table:,.0f} people as a table, {1 / loop:,.0f} in a loop; ratio {loop / table:.0f}")
farthest = np.abs(answers.loc[:99, "serious"] - few).max()
answers.loc[:4, ["exercise", "stress", "nerve_damage", "none", "serious", "log_evidence"]].round(4)

# %% [markdown]
# **What the column P(serious) holds.** Most people have a low probability. Where it is high, most people do have a serious
# cause. (The axis of people is logarithmic; the colours are side by side.)

# %%
figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.hist([100 * answers.loc[~truth, "serious"], 100 * answers.loc[truth, "serious"]], bins=20)
ax.set(xlabel="P(at least one serious cause) (%)", ylabel="people", yscale="log")
ax.legend(["have no serious cause", "have one"])
plt.show()

# %% [markdown]
# **Ranked.** We go down the list from the highest P(serious), and count those who do have a serious cause. The other two
# lines are the best that any list could do, and a list in random order.

# %%
order = answers["serious"].sort_values(ascending=False, kind="stable").index
found = 100 * truth[order].cumsum().to_numpy() / truth.sum()
examined = 100 * np.arange(1, len(order) + 1) / len(order)
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(examined, found, label="by P(serious)")
ax.plot([0, 100 * truth.mean(), 100], [0, 100, 100], "--", color="0.5", label="best possible")
ax.plot([0, 100], [0, 100], ":", color="0.5", label="random order")
ax.set(xlabel="people examined (%)", ylabel="found, of those with a serious cause (%)")
ax.legend()
plt.show()

# %% [markdown]
# **Red flags** are warning signs from guidelines. They stand beside an answer and change no probability. All of the 100
# people at the top of the list have one or more, and about a quarter of 100 at random.

# %%
top = [model.infer(cohort.loc[i]).red_flags for i in order[:100]]
anyone = [model.infer(cohort.loc[i]).red_flags for i in cohort.sample(100, random_state=1).index]
print(f"with a red flag: {sum(map(bool, top))} of 100 at the top, {sum(map(bool, anyone))} of 100 at random")
pd.Series([flag.label for flags in top for flag in flags]).value_counts().head()

# %% [markdown]
# **Files.** Real files have faults. Here are two cells that mean nothing, and a line that breaks off.

# %%
import tempfile
from pathlib import Path

scratch = tempfile.TemporaryDirectory()
raw = cohort[:10_000].astype(object)
raw.loc[2, "age"], raw.loc[8, "cramps"] = "sixty", "maybe"
lines = raw.to_csv(index_label="patient").splitlines()
size = Path(scratch.name, "cohort.csv").write_text("\n".join([*lines, "10000,60-69,male"]), encoding="utf-8")

# %% [markdown]
# The command `twitchbayes score` tells of all three, by line, and writes nothing. (In a terminal it is one line; from
# a notebook it goes so.)

# %%
import subprocess
import sys

score = [sys.executable, "-m", "twitchbayes", "score", "cohort.csv", "-o", "scored.csv", "--keep", "patient"]
refused = subprocess.run(score, cwd=scratch.name, capture_output=True, text=True, check=False)
print(refused.stderr, "status", refused.returncode)
print("files:", *[path.name for path in Path(scratch.name).iterdir()])

# %% [markdown]
# What is missing from a broken line nobody knows: it has to be mended. The cells may stay: with `--on-error null`
# their rows get no numbers, and a reason. The file goes through a chunk at a time, so it may be larger than memory.

# %%
Path(scratch.name, "cohort.csv").write_text("\n".join(lines), encoding="utf-8")
score += ["--on-error", "null", "--chunk-rows", "4000"]
print(subprocess.run(score, cwd=scratch.name, capture_output=True, text=True, check=True).stdout)
scored = pd.read_csv(Path(scratch.name, "scored.csv"), index_col="patient")
scratch.cleanup()
print(*scored["reason"].dropna(), sep="\n")
scored.loc[scored["reason"].notna(), ["exercise", "stress", "nerve_damage", "als", "none", "serious"]]

# %% [markdown]
# **The answer.** 40% of the people with a serious cause are among those 10,000. Of 10,000 at random it would be 10%, and no
# list could do better than 55%. Table, loop and file say the same.

# %%
print(f"found {found[9_999]:.1f}%, at random 10.0%, at best {10 / truth.mean():.1f}%")
usable = scored[scored["reason"].isna()]
assert 38 < found[9_999] < 42
assert farthest < 1e-12
assert np.allclose(usable["serious"], answers.loc[usable.index, "serious"], rtol=1e-12, atol=0)
