"""One command starts the site on this machine: environment, database, web server.

Nothing in here is used in production, where the environment says everything.
"""
