import os

from browser import DRIVER

# where there is no browser the rest is tested all the same; CI has to have one
collect_ignore = [] if DRIVER or os.environ.get("CI") else ["test_browser.py"]
