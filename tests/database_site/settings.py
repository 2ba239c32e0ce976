"""The reference project with views that use databases and caches in every way."""

import json
import os

import pymysql

from project.settings import *  # noqa: F403
from project.settings import DATABASES
from project.settings import MONITORING as PROJECT

# Django's backend wants mysqlclient, which has to be compiled; PyMySQL takes its place.
pymysql.install_as_MySQLdb()

ROOT_URLCONF = "tests.database_site.urls"
DATABASES["default"].update(json.loads(os.environ.get("DATABASE_MORE", "{}")))
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "25"))
MONITORING = {**PROJECT, **json.loads(os.environ.get("MONITORING", "{}"))}
