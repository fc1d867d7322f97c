from hypothesis import settings

# A first example may build a tokenizer, and machines that run tests are shared: time is no property here.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
