"""One module per question, named by its slug: cases, oracles, mistakes. `catalogue.module(slug)` imports them."""
