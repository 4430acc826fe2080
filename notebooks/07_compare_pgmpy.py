# %% [markdown]
# # Compare pgmpy
#
# pgmpy is a general library for Bayesian networks. twitchbayes answers one kind of question, about noisy-OR networks in
# tables. **Do both give the same answers about the same network, and what is each better at?**

# %%
import time
import warnings

import matplotlib.pyplot as plt
import pandas as pd

import twitchbayes

warnings.simplefilter("ignore")
from pgmpy.inference import VariableElimination

# %% [markdown]
# (Warnings are silenced: pgmpy announces its next version, and NumPy a division by 0 that comes further down.)
#
# **Handed over.** `to_pgmpy` makes a pgmpy network of the model. A noisy-OR of many parents becomes a chain of small tables
# there; or, as here, where pgmpy is the faster for it, one full table with a column for every combination of the
# parents' states.

# %%
model = twitchbayes.load_model("twitch")
network = model.to_pgmpy("full")
cells = pd.Series({table.variable: table.get_values().size for table in network.get_cpds()})
print(f"{len(model.parameters)} numbers in our tables are {cells.sum():,} cells in pgmpy's")
cells.nlargest(4).rename("cells of the table")

# %% [markdown]
# **The same answers.** pgmpy answers for one variable at a time, or for their joint state.

# %%
elimination = VariableElimination(network)
evidence = {"weakness": "present", "muscle_wasting": "present", "twitch_tongue": "present", "sex": "male"}
ours = model.infer(evidence)
tables = {c: elimination.query([c], evidence=evidence, show_progress=False) for c in model.causes}
theirs = {cause: table.get_value(**{cause: "present"}) for cause, table in tables.items()}
answers = pd.DataFrame({"twitchbayes": dict(ours), "pgmpy": theirs}).sort_values("pgmpy", ascending=False)
farthest = (answers["twitchbayes"] - answers["pgmpy"]).abs().max()
print(f"largest difference of all causes: {farthest:.1e}")
answers.head(4).map("{:.15f}".format)

# %% [markdown]
# **Time for one person**, with more and more findings present. For one cause pgmpy takes about as long as twitchbayes for
# all of them. For all causes it is asked once for each.

# %%
findings = ["twitch_arm_hand", "weakness", "cramps", "fatigue", "pain", "headache", "tremor", "insomnia"]
took = pd.DataFrame(columns=["twitchbayes, all causes", "pgmpy, one cause", "pgmpy, all causes"], dtype=float)
for count in range(1, len(findings) + 1):
    case, times = dict.fromkeys(findings[:count], "present"), [time.perf_counter()]
    model.infer(case)
    times.append(time.perf_counter())
    for cause in model.causes:
        elimination.query([cause], evidence=case, show_progress=False)
        times.append(time.perf_counter())
    took.loc[count] = [1000 * (times[i] - times[j]) for i, j in [(1, 0), (2, 1), (-1, 1)]]

# %%
ax = took.plot(style=["o-", "s--", "s-"], logy=True, figsize=(8, 3.6))
ax.set(xlabel="findings present", ylabel="time for one person (ms)", ylim=(0.3, None))
print(f"all causes: pgmpy takes {(took.iloc[:, 2] / took.iloc[:, 0]).median():.0f} times as long (median)")
plt.show()

# %% [markdown]
# **Time for a table.** This is what twitchbayes is made for: 5,000 people in one call. Of pgmpy we time 10 of them.

# %%
people = model.simulate(5000, seed=1, given={"twitching": True}, missing={"finding": 0.5, "age": 1.0}, causes=False)
start = time.perf_counter()
model.infer_frame(people, progress=False)
table = (time.perf_counter() - start) / len(people)
words, start = {"yes": "present", "no": "absent"}, time.perf_counter()
for person in people[:10].to_dict("records"):
    known = {name: words.get(said, said) for name, said in person.items() if isinstance(said, str)}
    theirs = [elimination.query([cause], evidence=known, show_progress=False) for cause in model.causes]
print(f"people a second: twitchbayes {1 / table:,.0f}, pgmpy {10 / (time.perf_counter() - start):,.0f}")

# %% [markdown]
# **What pgmpy does and twitchbayes does not.** It answers for any variables together, tells which are independent, and
# cuts a network for an intervention (*do*): to make somebody calm says nothing about sleep, to find somebody calm
# does. It also learns structures from data, takes any table, and has networks of continuous variables and of steps in
# time, of which nothing is shown here.

# %%
print(elimination.query(["cramps", "fatigue"], evidence={"weakness": "present"}, show_progress=False))
for known in ([], ["fatigue"]):
    depend = network.is_dconnected("anemia", "withdrawal", observed=known)
    print(f"anemia and withdrawal depend on each other, given {known}: {depend}")
cut = VariableElimination(network.do(["stress"]))
for how, engine in {"seen": elimination, "made": cut}.items():
    table = engine.query(["sleep_loss"], evidence={"stress": "absent"}, show_progress=False)
    print(f"no stress {how}: P(sleep_loss) = {table.get_value(sleep_loss='present'):.3f}")

# %% [markdown]
# **What twitchbayes adds to an answer.** Words as people say them, intervals from those of the numbers, where each number
# comes from, and what to ask next.

# %%
p = model.infer(weakness="yes", twitch_location="tongue; arm_hand", age=62, interval=0.95)
als, question = p.intervals["als"], p.next_questions()[0]
number = p.provenance("als").rows.iloc[0]
print(f"ALS {als.posterior:.1%}, 95% interval {als.low:.1%} to {als.high:.1%}")
print(f"it rests most on {number['number']}, from {number['source']}")
print(f"ask next: {question.text} ({question.gain_bits:.2f} bits)")

# %% [markdown]
# **Evidence that cannot be.** Nobody twitches in an arm and nowhere. pgmpy returns NaN, with a warning of NumPy's that
# is easily missed, and which we have silenced above; twitchbayes refuses, and says why.

# %%
impossible = {"twitching": "absent", "twitch_arm_hand": "present"}
nothing = elimination.query(["als"], evidence=impossible, show_progress=False).get_value(als="present")
try:
    model.infer(impossible)
except twitchbayes.TwitchbayesError as error:
    refused = str(error)
print(nothing, refused, sep="\n")

# %% [markdown]
# **Files for other programs.** `export` writes BIF, XMLBIF, XDSL, NET and UAI. As chains the shipped model takes 59 kB in BIF,
# as full tables 8 MB, which pgmpy needs some 10 seconds to read. Here is a small model, written and read back.

# %%
head = "probability,low,high,basis,source,note"
keys = ["title", "version", "population", "window", "licence", "intended_use", "not_for"]
tables = {
    "model.toml": "\n".join(f'{key} = "an example"' for key in keys),
    "variables.csv": "variable,role,label,question,states,group,assumed,serious,definition\nflu,cause\ncough,finding",
    "priors.csv": f"variable,given,state,{head}\nflu,,,0.02,0.01,0.05,expert,invented",
    "links.csv": f"parent,child,form,{head}\nleak,cough,,0.1,0,1,expert,invented\nflu,cough,net,0.7,0,1,expert,invented",
    "sources.csv": "source,citation,identifier,kind,read\ninvented,Invented for this notebook",
}

# %%
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    for name, text in tables.items():
        Path(folder, name).write_text(text, encoding="utf-8")
    small = twitchbayes.load_model(folder)
    bif = small.export(Path(folder, "small.bif")).read_text(encoding="utf-8")
print(bif)

# %% [markdown]
# **The answer.** The same answers, to the last digits. pgmpy takes any network and asks it in more ways, twitchbayes
# is quicker where all causes or many people are asked about, knows how sure its numbers are, and refuses what cannot be.

# %%
from pgmpy.readwrite import BIFReader

read = VariableElimination(BIFReader(string=bif).get_model())
flu = read.query(["flu"], evidence={"cough": "present"}, show_progress=False).get_value(flu="present")
print(f"P(flu | cough): {flu:.15f} read back by pgmpy, {small.infer(cough=True)['flu']:.15f} here")
assert farthest < 1e-9
assert abs(flu - small.infer(cough=True)["flu"]) < 1e-9
assert pd.isna(nothing)
assert "contradicts" in refused
