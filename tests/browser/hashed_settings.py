"""The strict site whose static files have been collected, and are kept by hashed name only."""

import os
from pathlib import Path

from tests.browser.settings import *  # noqa: F403

STATIC_ROOT = Path(os.environ["COLLECTED"])
STORAGES = {
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = False
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
