# %% [markdown]
# # Build a model
#
# The library knows nothing of muscles: a model is a folder of tables. We write one about a bicycle lamp. It has rained,
# the lamp stays dark, and it comes on after a knock. **Which cause is the most probable?**

# %%
import tempfile
from pathlib import Path

import twitchbayes
from twitchbayes import scenarios

scratch = tempfile.TemporaryDirectory()
about = {"title": "Why a bicycle lamp stays dark", "version": "1.0", "population": "lamps", "window": "today"}
about |= {"licence": "MIT", "intended_use": "To show how a model is written.", "not_for": "Real lamps."}
meta = "\n".join(f'{key} = "{text}"' for key, text in about.items())

# %% [markdown]
# **The first table: variables.** Contexts come before causes, and findings come of causes. An age is given as a number and
# falls into a band. That the lamp stays dark is why anybody asks, so it is *assumed*. A cause is *serious* if it gets
# worse when nothing is done about it.

# %%
variables = """variable,role,states,unit,label,question,definition,assumed,serious,group
rain,context,,,rain,Has it rained on the lamp?,Rain on the lamp in the past day.,,,
age,context,0-2;3-20,years,age of the lamp,How old is the lamp in years?,Completed years since it was bought.,,,
battery,cause,,,flat battery,,Too little charge to light the lamp.,,,
contact,cause,,,bad contact,,A contact that carries no current or not always.,,,
water,cause,,,water inside,,Water has come into the lamp.,,yes,
dark,finding,,,stays dark,Does the lamp stay dark?,No light when it is switched on.,present,,
dim,finding,,,was dim before,Was it dim before?,Weaker than usual in the week before.,,,
knock,finding,,,comes on after a knock,Does it come on after a knock?,Light for a second or more.,,,
misted,finding,,,misted glass,Is the glass misted?,Drops or mist inside the glass.,,,"""

# %% [markdown]
# **Priors.** Each number has a 95% interval, a basis and a source. These are judged for the example (`expert`). The prior
# of a cause is its probability where no linked context is active; that of a bad contact depends on the age of the lamp.

# %%
priors = """variable,given,state,probability,low,high,basis,source,note
rain,,,0.3,0.2,0.4,expert,judged,
age,,0-2,0.6,0.4,0.8,expert,judged,
age,,3-20,0.4,0.2,0.6,expert,judged,
battery,,,0.1,0.05,0.2,expert,judged,Few charge it before it is flat.
contact,age=0-2,,0.02,0.005,0.05,expert,judged,
contact,age=3-20,,0.1,0.04,0.2,expert,judgment,Contacts corrode.
water,,,0.002,0.0005,0.01,expert,judged,Without rain: when the bicycle is washed."""

# %% [markdown]
# **Links**, in two parts. The *leak* of a finding is its probability where no cause is present. A `net` link is what a
# parent adds by itself.

# %%
links = """parent,child,form,probability,low,high,basis,source,note
leak,dark,,0.005,0.001,0.02,expert,judged,What no cause of the model explains.
leak,dim,,0.05,0.02,0.1,expert,judged,
leak,knock,,0.01,0.002,0.03,expert,judged,
leak,misted,,0.03,0.01,0.08,expert,judged,Mist of a cold night.
rain,water,net,0.08,0.03,0.2,expert,judged,Seals leak.
rain,contact,net,0.03,0.01,0.08,expert,judged,
"""

# %%
links += """battery,dark,net,0.9,0.7,0.98,expert,judged,
battery,dim,net,70,50,90,expert,judged,A battery fades.
contact,dark,net,0.6,0.3,0.85,expert,judged,
contact,knock,net,0.7,0.4,0.9,expert,judged,
water,dark,net,0.5,0.2,0.8,expert,judged,
water,knok,net,0.1,0.02,0.3,expert,judged,
water,misted,net,0.8,0.5,0.95,expert,judged,"""

# %% [markdown]
# **Sources**, and **scenarios**: what must hold of some answers, whoever changes a number later.

# %%
sources = """source,citation,identifier,kind,read
judged,Judged for this example; nothing was measured,none,judgement,not applicable"""
expected = """case,evidence,holds,status,source,note
dark,,battery > contact; battery > water,holds,judged,With nothing else known it is the battery.
faded,dim=yes,battery > 2*contact,holds,judged,
mist,misted=yes rain=yes,water > water@dark,holds,judged,"""
folder = Path(scratch.name, "lamp")
folder.mkdir()
tables = {"variables": variables, "priors": priors, "links": links, "sources": sources, "scenarios": expected}

# %% [markdown]
# **Three mistakes** stand in these tables, on purpose: percentages for fractions, and two words misspelt. Loading finds all
# of them at once, each with its file and line.

# %%
(folder / "model.toml").write_text(meta, encoding="utf-8")
for name, text in tables.items():
    (folder / f"{name}.csv").write_text(text, encoding="utf-8")
try:
    twitchbayes.load_model(folder)
except twitchbayes.ModelTableError as error:
    refused = str(error)
print(refused)

# %% [markdown]
# **Mended**, the folder loads, and its scenarios hold. In a terminal `twitchbayes check FOLDER` says the same.

# %%
tables["priors"] = priors.replace("judgment", "judged")
tables["links"] = links.replace("70,50,90", "0.7,0.5,0.9").replace("knok", "knock")
for name, text in tables.items():
    (folder / f"{name}.csv").write_text(text, encoding="utf-8")
model = twitchbayes.load_model(folder)
outcomes = scenarios.run(model)
for outcome in outcomes:
    print(f"{outcome.case}: {outcome.condition}, {outcome.left:.3f} and {outcome.right:.3f}: {outcome.holds}")
model

# %% [markdown]
# **Ask it.** The lamp is five years old. The picture has the contexts, the causes and the findings in three layers.

# %%
import matplotlib.pyplot as plt

p = model.infer(rain=True, knock=True, age=5, interval=0.95)
model.plot(p)
plt.show()
p

# %% [markdown]
# **Why?** The knock speaks for the contact most. Rain speaks against it, although it makes a bad contact more common: it
# makes water inside far more common still, and that explains a dark lamp too.

# %%
p.explain("contact")

# %% [markdown]
# **What next?** Whether the glass is misted is worth most.

# %%
p.next_questions().plot()
plt.show()
misted = p.what_if(misted=True)
misted

# %% [markdown]
# **The answer.** The contact, in nearly all sets of numbers that the intervals allow. Of a dark lamp of which nothing
# else is known it is the battery. The model can be saved and handed on; what is loaded again is the same model.

# %%
copy = twitchbayes.load_model(model.save(Path(scratch.name, "copy")))
scratch.cleanup()
assert refused.startswith("5 problems")
assert "links.csv, line 13" in refused
assert all(outcome.holds for outcome in outcomes)
assert next(iter(p)) == "contact"
assert p.intervals["contact"].first > 0.95
assert next(iter(model.infer())) == "battery"
assert copy.fingerprint == model.fingerprint
