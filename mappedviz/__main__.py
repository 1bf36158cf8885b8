"""`python -m mappedviz` is the command `mappedviz`."""

import sys

from mappedviz.cli.command import main

sys.exit(main())
