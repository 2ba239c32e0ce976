"""Python imports this first, whenever tests/platforms/site is on its path."""

import os

if os.environ.get("TESTED_PLATFORM"):
    import platform_without  # type: ignore[import-not-found]

    platform_without.apply(os.environ["TESTED_PLATFORM"])
