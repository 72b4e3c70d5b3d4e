"""How fast the site is, and how it grows. `make bench` runs __main__.py, which says more."""
