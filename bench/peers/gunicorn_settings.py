"""Nothing but gunicorn's defaults for the peers: the project's gunicorn.conf.py is for Doorstep alone."""
