"""On the path of a process: its clock is four hundred days ahead."""

import datetime

import time_machine

AHEAD = datetime.timedelta(days=400)
time_machine.travel(datetime.datetime.now(datetime.UTC) + AHEAD).start()
