# %% [markdown]
# # Explore the network
#
# Hard exercise can make muscles twitch, and so can stress. Neither makes the other more common. **If somebody who twitches
# turns out to have exercised hard, does stress become less probable?**

# %%
import matplotlib.pyplot as plt
import pandas as pd

import twitchbayes

model = twitchbayes.load_model("twitch")

# %% [markdown]
# **The model as a picture.** From left to right: contexts, causes, findings. A wide link is a probable one. Hard exercise
# and stress both have links to places that can twitch: the face, an arm, a leg, the trunk.

# %%
model.plot()
plt.show()

# %% [markdown]
# **From prior to posterior.** Somebody of 35 twitches, and nothing else is known. (Nobody asks who does not twitch, so the model
# assumes it.) Each cause has its prior, that of the population, and its posterior, given what is known. The bars are 95%
# credible intervals: how far an answer moves when the numbers of the tables move within theirs.

# %%
twitches = model.infer(age=35, interval=0.95)
twitches.plot()
plt.show()

# %% [markdown]
# **In the network** the evidence and the posteriors are coloured in: the darker a cause, the more probable.

# %%
model.plot(twitches)
plt.show()

# %% [markdown]
# **Four situations.** In people of whom nothing else is known, to hear of exercise says nothing about stress. In people
# who twitch it does: the exercise explains the twitching, and stress is needed less for it. This is *explaining away*.

# %%
nobody = {"age": 35, "twitching": None}
twitching = {"age": 35, "twitching": True}
cases = {"nothing": nobody, "exercise": nobody | {"recent_exercise": True}}
cases |= {"twitching": twitching, "twitching and exercise": twitching | {"recent_exercise": True}}
stress = pd.Series({name: model.infer(case)["stress"] for name, case in cases.items()})
ax = (100 * stress).plot.barh(figsize=(8, 2.4), ylabel="known, beside the age")
ax.set(xlabel="P(stress) (%)", xlim=(0, 50))
ax.bar_label(ax.containers[0], fmt="%.2f", padding=4)
ax.invert_yaxis()
plt.show()

# %% [markdown]
# **Why?** The weight of an item of evidence says how far it moves the odds, in decibans: 10 multiply them by 10. Twitching
# speaks for stress. The exercise speaks against it, although it is no finding that stress could make more or less common.

# %%
both = model.infer(cases["twitching and exercise"])
both.explain("stress").plot()
plt.show()

# %% [markdown]
# **By hand.** The explorer is the model with buttons. Say what is known and the bars move; click a cause, and it is
# explained; the next question that is worth most is marked; sliders move the priors.

# %%
explorer = twitchbayes.explore("twitch", twitching)
explorer

# %% [markdown]
# **From code.** What is set here shows there, and the other way round.

# %%
explorer.evidence = cases["twitching and exercise"]
explorer.selected = "stress"
explorer.evidence, explorer.posterior["stress"]

# %% [markdown]
# **A prior of one's own**, as with a slider. Say that 80 in 100 people have exercised hard, where the table has 35. Where it
# is not known of this person, stress becomes less probable. Where it is known, it makes no difference how many others do.

# %%
explorer.evidence = twitching
explorer.adjusted = {"P(recent_exercise=present)": 0.8}
unknown = explorer.posterior["stress"]
explorer.evidence = cases["twitching and exercise"]
known = explorer.posterior["stress"]
print(f"exercise unknown: {unknown:.2%} instead of {stress['twitching']:.2%}")
print(f"exercise known: {known:.2%} instead of {both['stress']:.2%}")

# %% [markdown]
# **To keep it**, the explorer writes the case down as Python. `undo` takes a step back.

# %%
print(explorer.to_python())
explorer.undo()
explorer.evidence

# %% [markdown]
# **The answer.** Yes: from 41% to 37%, and still above the 27% of people of whom nothing is known. Without the twitching
# the exercise says nothing of stress. The explorer says what `infer` says.

# %%
assert abs(stress["exercise"] - stress["nothing"]) < 1e-12
assert stress["nothing"] < stress["twitching and exercise"] < stress["twitching"]
assert unknown < stress["twitching"]
assert abs(known - both["stress"]) < 1e-12
