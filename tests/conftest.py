import os

from hypothesis import settings

# Read when torch is first imported. Models this small are fastest on one thread, and workers beside them take the rest.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A first example may build a tokenizer, and machines that run tests are shared: time is no property here.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
