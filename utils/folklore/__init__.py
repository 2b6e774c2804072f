"""Interview folklore on trial: `trial` puts a claim to the test; `settings` and `published` are what it is given.

`evidence` holds figures that take too long for a notebook; `expect` is what the text relies on beside.
"""

from utils.folklore.claims import expect, published, settings, trial
from utils.folklore.recorded import evidence

__all__ = ["evidence", "expect", "published", "settings", "trial"]
