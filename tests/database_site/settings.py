"""The reference project with views that use databases and caches in every way."""

import json
import os

from project.settings import *  # noqa: F403
from project.settings import DATABASES

ROOT_URLCONF = "tests.database_site.urls"
DATABASES["default"].update(json.loads(os.environ.get("DATABASE_MORE", "{}")))
MONITORING = json.loads(os.environ.get("MONITORING", "{}"))
