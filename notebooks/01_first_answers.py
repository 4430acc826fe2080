# %% [markdown]
# # First answers
#
# Someone of 62 feels weak, and an arm twitches. **Which further findings would make ALS the most probable cause?**

# %%
import twitchbayes

model = twitchbayes.load_model("twitch")
model

# %% [markdown]
# One call answers. A notebook shows the answer as a table; `print` shows the same as text. Several causes can
# hold at once, so that the posteriors do not sum to 1.

# %%
arm = model.infer(weakness=True, twitch_location="arm_hand", age=62)
arm

# %%
print(arm)

# %% [markdown]
# **Evidence words.** The same case can be said in many ways. A variable that is left out, or is None, NaN, ""
# or "unknown", is unknown, which is not the same as absent. Sites that are not named are unknown too, unless
# `nowhere_else` is named beside them.

# %%
sites = {"arm_hand": 1, "face": 0, "tongue": 0, "leg_foot": 0, "trunk": 0}
cases = [
    {"weakness": "yes", "twitch_location": ["arm_hand", "nowhere_else"], "age": "62"},
    {"weakness": "present", "twitch_location": sites, "age": "60-69", "cramps": None},
    {"weakness": True, "twitch_location": "arm_hand", "age": 62},
]
[round(model.infer(case)["nerve_damage"], 4) for case in cases]

# %% [markdown]
# **Assumed.** Twitching is why anybody asks, so the model assumes it unless the evidence settles it or the
# caller says `twitching=None`. The answer shows what was assumed.

# %%
model.infer(age=62).assumed, arm.assumed, model.infer(age=62, twitching=None).assumed

# %% [markdown]
# **Prior and posterior.** The prior is that of the population, before anything is known or assumed.

# %%
arm.to_frame()

# %% [markdown]
# **Several causes together.** `joint` gives the posterior of every combination of some causes, and
# `most_probable_explanations` the most probable joint states of all of them.

# %%
arm.joint(["exercise", "nerve_damage"])

# %%
arm.most_probable_explanations(4)

# %% [markdown]
# **Other numbers.** `with_priors` gives a new model. Numbers of one's own bring their interval along. Here,
# people who have all exercised hard.

# %%
athletes = model.with_priors({"recent_exercise": (1.0, 1.0, 1.0)})
print(athletes.changes)
athletes.infer(weakness=True, twitch_location="arm_hand", age=62)["exercise"], arm["exercise"]

# %% [markdown]
# **In other hands.** pgmpy's variable elimination answers from the full tables, more slowly. The two agree.

# %%
from twitchbayes.interop import pgmpy_answer

said = model.words.read({"weakness": True, "twitch_location": "arm_hand", "age": 62})
slow = dict(zip(model.causes, pgmpy_answer(model.network, said).causes[0], strict=True))
max(abs(slow[cause] - arm[cause]) for cause in arm)

# %% [markdown]
# **The question.** Add one finding after the other, and see which cause comes first.

# %%
case = {"weakness": True, "twitch_location": "arm_hand", "age": 62}
answers = [model.infer(case)]
for finding in ["muscle_wasting", "slurred_speech", "swallowing_trouble"]:
    case[finding] = True
    answers.append(model.infer(case))
first = [next(iter(answer)) for answer in answers]
list(zip(first, [answer["als"] for answer in answers], strict=True))

# %% [markdown]
# With weakness and a twitching arm ALS stays below 1 in 100. Muscle wasting, slurred speech and trouble swallowing
# together put it first.

# %%
assert max(abs(slow[cause] - arm[cause]) for cause in arm) < 1e-9
assert answers[0]["als"] < 0.01
assert first[-1] == "als"
