"""Interview folklore on trial: `trial` puts a claim to the test; `settings` and `published` are what it is given."""

from utils.folklore.claims import published, settings, trial

__all__ = ["published", "settings", "trial"]
