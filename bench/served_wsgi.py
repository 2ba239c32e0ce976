"""The WSGI application of the variant BENCH_VARIANT, with its files in BENCH_DIRECTORY."""

import os
from pathlib import Path

from bench import variants

variants.start(variants.VARIANTS[os.environ["BENCH_VARIANT"]], Path(os.environ["BENCH_DIRECTORY"]))

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402  (metrics are set up first)

application = WSGIHandler()
