"""Imports that take longer than a test waits, as the trainers' do on a slow machine."""

import time

time.sleep(60)
