# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 33 · One image, several labels: which activation and which loss?
#
# *多标签分类怎么设计损失函数?*

# %% [markdown]
# ## Question

# %% [markdown]
# ## What the interviewer listens for

# %% [markdown]
# ## The idea

# %%
import numpy as np

from utils import check


# %% [markdown]
# ## Your turn

# %%
def bce_with_logits(logits, targets, pos_weight=None):
    """logits (N, K), targets (N, K) in [0, 1], pos_weight (K,) or None -> (loss, grad (N, K)) of the mean over N·K."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(bce_with_logits)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: a</summary>
#
# b
#
# </details>

# %%
def head_for(task):
    """task "binary", "multiclass" or "multilabel" -> (activation, loss), two texts; any other text: ValueError."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(head_for)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: a</summary>
#
# b
#
# </details>

# %% [markdown]
# ## Experiments

# %% [markdown]
# ## Folklore on trial

# %% [markdown]
# ## Answer in 30 seconds

# %% [markdown]
# ## Answer in 2 minutes

# %% [markdown]
# ## Follow-ups

# %% [markdown]
# ## Red flags

# %% [markdown]
# ## References
