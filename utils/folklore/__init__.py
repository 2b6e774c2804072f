"""Interview folklore on trial: `trial` puts a claim to the test; `settings` and `published` are what it is given.

`evidence` holds figures that take too long for a notebook.
"""

from utils.folklore.claims import published, settings, trial
from utils.folklore.recorded import evidence

__all__ = ["evidence", "published", "settings", "trial"]
