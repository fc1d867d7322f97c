"""Taking a backdoor out without knowing its trigger: changes to a model, each over a sweep of strength."""
