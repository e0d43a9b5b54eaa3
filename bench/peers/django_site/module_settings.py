"""The settings of the site, with the long lists of the modules."""

from bench.peers.django_site.settings import *  # noqa: F403
from bench.peers.django_site.settings import INSTALLED_APPS as _INSTALLED_APPS

INSTALLED_APPS = [*_INSTALLED_APPS, "bench.peers.django_site.works"]
