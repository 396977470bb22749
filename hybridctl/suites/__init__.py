"""Every strategy on every task: trained once, kept, scored in pairs, put together."""

from hybridctl.suites.plan import Column as Column
from hybridctl.suites.plan import Entry as Entry
from hybridctl.suites.plan import Suite as Suite
from hybridctl.suites.plan import cartpole as cartpole
from hybridctl.suites.plan import get as get
from hybridctl.suites.plan import names as names
from hybridctl.suites.result import Result as Result
from hybridctl.suites.run import run as run
