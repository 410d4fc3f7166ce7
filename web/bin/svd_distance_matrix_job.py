"""`manage.py similarity svd`, under the name that schedules of others call."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from web.manage import main

if __name__ == "__main__":
    sys.argv = ["manage.py", "similarity", "svd", *sys.argv[1:]]
    main()
