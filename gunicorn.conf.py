"""The web server: a process a core, each with one thread for thousands of connections."""

import os
import resource
from pathlib import Path

bind = os.environ.get("BIND", "127.0.0.1:8000")

# One thread a process, in which thousands of connections take turns whenever one waits for the
# network or the database.
worker_class = "rafflesite.worker.Worker"
worker_connections = 4000
# One a core, as Python computes on one at a time; 20 of them fill the database's 200 connections.
workers = int(os.environ.get("WEB_WORKERS", min(os.cpu_count() or 1, 20)))

backlog = 2048  # a rush of buyers waits in the kernel's queue and is not refused
keepalive = 15  # seconds; a buyer's next click finds the connection still open
timeout = 30  # seconds without a sign of life before a worker is replaced
graceful_timeout = 20  # seconds for running requests to end; less than compose's 30 s of grace

# The workers' signs of life are file times: kept in memory, a slow disk cannot get one killed.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

# Whose word gunicorn itself takes on the scheme. Django takes X-Forwarded-Proto from anybody, so
# the proxy in front must set or strip it.
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")

control_socket_disable = True  # signals are enough, and one door fewer
# One line of JSON for each request, on stdout; see rafflesite/serving.py.
accesslog = "-"
logger_class = "rafflesite.serving.RequestLog"
loglevel = os.environ.get("WEB_LOG_LEVEL", "info")

# Every connection is a file; a worker takes up to 4000, and many systems begin with 1024 or 256.
_files = 8192
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if _soft != resource.RLIM_INFINITY and _soft < _files:
    _limit = _files if _hard == resource.RLIM_INFINITY else min(_files, _hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_limit, _hard))
